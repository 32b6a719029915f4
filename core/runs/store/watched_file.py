"""The file of a catalogue on SQLite while it is in use: noticing that it was deleted, or that another one lies in its place.

SQLite goes on with a deleted file as if nothing had happened, and what is written then is gone with the process. So before every
use the file at the path is compared with the one that was opened, which costs a look at its number. Beside the connections that
come and go, one is kept that nobody writes with: through it a deleted file can still be read, and no other file gets its number.
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
"""How long the file must stay as it is before it counts as deleted or replaced: somebody may be in the midst of it."""

_BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside its file: changes that are not in it yet, and an index of them."""


def file_of(database_url: str | sa.URL) -> Path | None:
    """The file that a database URL leads to; nothing where the database is no file."""
    try:
        url = sa.make_url(database_url)
    except sa.exc.ArgumentError:
        return None
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":memory:", "file:")):
        return None
    return Path(url.database).absolute()


class OpenFile:
    """A database file as it was found at its path, and what it holds, even after it was deleted.

    Attributes:
        connection: reads what the file holds; safe to use from several threads one after the other.
        number: what tells it from every other file, in every process, for as long as one has it open.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, check_same_thread=False, isolation_level=None)
        self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens what lies beside the file, too
        self._path = path
        self.number = _number(path)
        self._beside = {beside: _number(beside) for beside in (path.with_name(path.name + end) for end in _BESIDE)}

    def is_in_place(self) -> bool:
        """Whether the path still leads to this file."""
        return _number(self._path, unknown=self.number) == self.number

    def remove_leftovers(self) -> None:
        """Remove what SQLite kept beside this file and is still there: it would be taken for a part of the next file."""
        for beside, number in self._beside.items():
            if number is not None and _number(beside) == number:
                beside.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; of a deleted one, this is the end."""
        self.connection.close()


class CatalogueFile:
    """The file of a catalogue that this process has open.

    Args:
        path: where it lies.
        when_lost: makes the catalogue whole again, given the file that was there before.
    """

    def __init__(self, path: Path, when_lost: Callable[[OpenFile], None]) -> None:
        self._path = path
        self._when_lost = when_lost
        self._one_at_a_time = threading.Lock()
        self.opened: OpenFile | None = None
        """The file that connections made now belong to."""

    def begin(self) -> None:
        """Take the file that is there now for the right one."""
        self.opened = OpenFile(self._path)

    def check(self) -> None:
        """See that the file is the one that was opened; where it is not, make the catalogue whole again.

        Raises:
            UserError: that is not possible now; the next look tries again.
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
                    f"The folder of the catalogue is gone: {self._path.parent}. Put it back, or connect the disk it lies on, "
                    "and go on; or set TUNEBOARD_HOME to another folder and start Tuneboard again."
                )
            logger.warning("The file of the catalogue was deleted or replaced while it was in use. It is made whole again.")
            self._when_lost(opened)
            self.opened = OpenFile(self._path)
            opened.close()

    def close(self) -> None:
        """Let go of the file, and look at it no more."""
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
    """What tells a file from every other that there is: nothing where there is none, ``unknown`` where that cannot be said."""
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
