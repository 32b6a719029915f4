"""The database of a workspace, which is rebuilt from the folders if its file is missing or was replaced."""

import logging

from core.config.settings import Settings
from core.runs.recovery.rebuild import RebuildSummary, num_lost_folders, rebuild
from core.runs.store.engine import url_of
from core.runs.store.store import Store
from core.runs.store.watched_file import CatalogueFile, OpenFile, file_of

logger = logging.getLogger(__name__)


class RecoveringStore:
    """The database as one process has it open.

    Attributes:
        store: access to it.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the database of a workspace, or create it.

        Raises:
            UserError: it cannot be opened.
        """
        self._settings = settings
        self._last_rebuild: RebuildSummary | None = None
        url = url_of(settings)
        path = file_of(url)
        was_there = path is None or (path.is_file() and path.stat().st_size > 0)
        self._file = None if path is None else CatalogueFile(path, self._rebuild_from)
        self.store = Store(url, self._file)
        if not was_there and self.num_lost_folders():
            logger.warning("The workspace has data sets or runs, but its database is missing. It is rebuilt from their folders.")
            self._rebuild_from(None)

    def last_rebuild(self) -> RebuildSummary | None:
        """The last rebuild after its file was found missing or replaced, after checking again; ``None`` if there was none.

        Raises:
            UserError: it cannot be rebuilt now.
        """
        if self._file is not None:
            self._file.check()
        return self._last_rebuild

    def num_lost_folders(self) -> int:
        """Number of folders of data sets and runs that an empty database lacks; ``doctor --repair`` adds them."""
        return num_lost_folders(self._settings, self.store)

    def _rebuild_from(self, lost: OpenFile | None) -> None:
        self._last_rebuild = rebuild(self._settings, lost)
