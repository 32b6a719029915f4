"""The catalogue of a workspace, which is made whole again from the folders where its file is missing, or not the one it was."""

import logging

from core.config.settings import Settings
from core.runs.recovery.rebuild import RebuildSummary, num_lost_folders, rebuild
from core.runs.store.engine import url_of
from core.runs.store.store import Store
from core.runs.store.watched_file import CatalogueFile, OpenFile, file_of

logger = logging.getLogger(__name__)


class RecoveringStore:
    """The catalogue as one process has it open.

    Attributes:
        store: the door to it.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the catalogue of a workspace, or make it.

        Raises:
            UserError: it cannot be opened.
        """
        self._settings = settings
        self._made_anew: RebuildSummary | None = None
        url = url_of(settings)
        path = file_of(url)
        was_there = path is None or (path.is_file() and path.stat().st_size > 0)
        self._file = None if path is None else CatalogueFile(path, self._make_anew)
        self.store = Store(url, self._file)
        if not was_there and self.num_lost_folders():
            logger.warning("The workspace had folders, but no catalogue any more. It is made anew from them.")
            self._make_anew(None)

    def made_anew(self) -> RebuildSummary | None:
        """What was done when its file was last found missing or replaced, now included; nothing if it never was.

        Raises:
            UserError: it cannot be made anew now.
        """
        if self._file is not None:
            self._file.check()
        return self._made_anew

    def num_lost_folders(self) -> int:
        """How many folders of data sets and runs it knows nothing of any more; ``doctor --repair`` enters them."""
        return num_lost_folders(self._settings, self.store)

    def _make_anew(self, lost: OpenFile | None) -> None:
        self._made_anew = rebuild(self._settings, lost)
