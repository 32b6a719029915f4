"""The SQLite file of the database while it is in use: detecting that it was deleted or replaced by another file.

SQLite continues to use a deleted file without an error, and what is written then is lost when the process ends. So before every
use the file at the path is compared, by device and inode number, with the one that was opened. One extra connection, which never
writes, is kept open: through it a deleted file can still be read, and its inode number is not reused.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from core.errors import UserError

logger = logging.getLogger(__name__)

_SETTLES_WITHIN_S = 2.0
_SETTLED_S = 0.1
"""How long the file must stay unchanged before it counts as deleted or replaced: it may just be being replaced."""

_BESIDE = ("-wal", "-shm")
"""Suffixes of the files SQLite keeps beside its file: changes that are not in it yet, and an index of them."""


def file_of(database_url: str | sa.URL) -> Path | None:
    """The file of a database URL; ``None`` if the database is not a file."""
    try:
        url = sa.make_url(database_url)
    except sa.exc.ArgumentError:
        return None
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":memory:", "file:")):
        return None
    return Path(url.database).absolute()


class OpenFile:
    """A database file as it was found at its path; it can still be read after it was deleted.

    Attributes:
        connection: reads the file; safe to use from several threads one after the other.
        number: identifies the file, in every process, for as long as one has it open.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, check_same_thread=False, isolation_level=None)
        self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the files beside it, too
        self._path = path
        self.number = _number(path)
        self._beside = {beside: _number(beside) for beside in (path.with_name(path.name + end) for end in _BESIDE)}

    def is_in_place(self) -> bool:
        """Whether the path still refers to this file."""
        return _number(self._path, unknown=self.number) == self.number

    def remove_leftovers(self) -> None:
        """Remove what SQLite kept beside this file, if it is still there: SQLite would take it for a part of the next file."""
        for beside, number in self._beside.items():
            if number is not None and _number(beside) == number:
                beside.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; afterwards a deleted one cannot be read any more."""
        self.connection.close()


class CatalogueFile:
    """The database file that this process has open.

    Args:
        path: where it is.
        when_lost: rebuilds the database, given the file that was there before.
    """

    def __init__(self, path: Path, when_lost: Callable[[OpenFile], None]) -> None:
        self._path = path
        self._when_lost = when_lost
        self._one_at_a_time = threading.Lock()
        self.opened: OpenFile | None = None
        """The file that new connections belong to."""

    def begin(self) -> None:
        """Accept the file that is there now."""
        self.opened = OpenFile(self._path)

    def check(self) -> None:
        """Make sure that the file is the one that was opened; if it is not, rebuild the database.

        Raises:
            UserError: that is not possible now; the next check tries again.
        """
        opened = self.opened
        if opened is None or opened.is_in_place():
            return
        with self._one_at_a_time:
            if self.opened is not opened:  # another thread was faster
                return
            self._wait_until_settled()
            if opened.is_in_place():
                return
            if not self._path.parent.is_dir():
                raise UserError(
                    f"The folder of the database is missing: {self._path.parent}. Restore it, or connect the disk it is on, "
                    "and continue; or set TUNEBOARD_HOME to another folder and restart Tuneboard."
                )
            logger.warning("The database file was deleted or replaced while it was in use. The database is rebuilt.")
            self._when_lost(opened)
            self.opened = OpenFile(self._path)
            opened.close()

    def close(self) -> None:
        """Close the file, and stop checking it."""
        opened, self.opened = self.opened, None
        if opened is not None:
            opened.close()

    def _wait_until_settled(self) -> None:
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        before, now = None, _look(self._path)
        while now != before and time.monotonic() < deadline:
            time.sleep(_SETTLED_S)
            before, now = now, _look(self._path)


def _number(path: Path, unknown: str | None = None) -> str | None:
    """Device and inode of a file: ``None`` if there is no file, ``unknown`` if they cannot be read."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return unknown
    return f"{found.st_dev}:{found.st_ino}"


def _look(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
