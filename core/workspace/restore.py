"""Restoring a backup into a workspace, completely or not at all, even if the archive is hostile or the process is killed.

Everything is first unpacked beside the workspace's folders, checked against the manifest and synced to the disk. Then one rename
commits the restore: from there on any process that opens the workspace, this one or the next, moves the files into place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from filelock import FileLock, Timeout

from core.config.settings import Settings
from core.errors import UserError
from core.files import durable
from core.files.private import file_mode
from core.files.safe_path import make_folders
from core.runs.store.engine import BUSY_TIMEOUT_S, open_database, reading, url_of
from core.runs.store.store import Store
from core.runs.store.watched_file import file_of
from core.workspace.backup import copy_rows, ids_in
from core.workspace.backup_format import DATABASE, DATASETS, LARGEST_MANIFEST, MANIFEST, RUNS, Manifest, is_name, read_manifest

READY = ".restored"
"""The folder of a workspace with a complete restored workspace that is yet to be moved into place."""

_REPLACES = "replaces"
"""File in that folder that says where the current content of the workspace is to be kept."""

BEFORE = "before-restore-"
"""Prefix of the name of the folder that keeps the previous content."""

_CHUNK = 2**20
_HIGHEST_RATIO = 200
_SMALL = 100 * 2**20
"""An archive that unpacks to more bytes than this, and to more than ``_HIGHEST_RATIO`` times its own size, is refused."""

_MOST_FILES = 2_000_000

_SMALL_MANIFEST = 2**20
"""A manifest with more bytes than this, and than the backup itself, is refused: an archive needs more bytes for each file."""

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods of a backup. Others may take unlimited memory to unpack, and raise other errors."""


def restore(
    settings: Settings, file: Path, *, replace: bool = False, progress: Callable[[str], None] = lambda _: None
) -> tuple[Manifest, Path | None]:
    """Restore a backup into a workspace.

    Args:
        settings: of the workspace.
        file: a zip or a folder that ``back_up`` wrote.
        replace: whether a workspace that is not empty is replaced; its content is kept in a subfolder.
        progress: called with what is being done.

    Returns:
        The backup's manifest, and the folder with the previous content; ``None`` if there was none.

    Raises:
        UserError: it is not a backup, it is damaged, the disk is too full, or the workspace is not empty or in use.
    """
    make_folders(settings.home)
    with _alone(settings):
        finish_restore(settings)
        holds_something = not is_empty(settings)
        if holds_something and not replace:
            raise UserError(
                f"The workspace {settings.home} already contains data sets or runs. Set TUNEBOARD_HOME to another folder, or use "
                "--replace, which keeps the current content in a subfolder."
            )
        if holds_something and not _has_own_database(settings):
            raise UserError(
                "The database in TUNEBOARD_DATABASE_URL contains data sets or runs, and is not replaced by a restore. "
                "Empty it, or name another one."
            )
        before = _free_place(settings) if holds_something else None
        try:
            with _opened(file) as source:
                most = min(LARGEST_MANIFEST, max(_SMALL_MANIFEST, source.size))
                manifest = read_manifest(source.read_all(MANIFEST, most))
                _check_room(settings, manifest, source.size)
                with durable.written_folder(settings.home / READY) as partial:
                    _unpack(source, manifest, partial, progress)
                    _check_database(partial / DATABASE)
                    if before is not None:
                        durable.write_text(partial / _REPLACES, before.name)
        except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
            said = getattr(error, "strerror", None) or type(error).__name__
            raise UserError(f"The backup {file.name!r} could not be read or unpacked ({said}). Nothing was restored.") from None
        progress("moving it into place")
        finish_restore(settings)
    return manifest, before


def finish_restore(settings: Settings) -> None:
    """Move a complete restored workspace into place, if there is one; after a kill, another call continues from there.

    Raises:
        UserError: the configured database is not empty, or a file cannot be moved; the next call continues from there.
    """
    ready = settings.home / READY
    if not ready.is_dir():
        return
    try:
        with FileLock(settings.home / "restore.lock", timeout=BUSY_TIMEOUT_S, mode=file_mode(settings.home)):
            if ready.is_dir():
                _move_into_place(settings, ready)
    except Timeout:
        raise UserError("Another process is still moving a restored workspace into place. Try again in a minute.") from None
    except OSError as error:
        raise UserError(
            f"The restored workspace cannot be moved into place ({error.strerror or type(error).__name__}). "
            "Free up disk space or check permissions; the next start continues the restore."
        ) from None


def _move_into_place(settings: Settings, ready: Path) -> None:
    replaces = ready / _REPLACES
    if replaces.exists():
        _keep_current_content(settings, settings.home / replaces.read_text(encoding="utf-8"))
        durable.remove_file(replaces)
    for room, place in ((DATASETS, settings.datasets_folder), (RUNS, settings.runs_folder)):
        durable.make_folder(place)
        for folder in sorted((ready / room).iterdir()) if (ready / room).is_dir() else []:
            _move(folder, place / folder.name)
    database, url = ready / DATABASE, url_of(settings)
    if database.exists():
        if _has_own_database(settings):
            for rest in ("-wal", "-shm"):  # of an empty database; SQLite would take them for a part of the next one
                durable.remove_file(settings.home / f"{DATABASE}{rest}")
            durable.move(database, settings.database_file)
        else:
            source = open_database(sa.URL.create("sqlite", database=str(database)))
            try:
                copy_rows(source, url)
            finally:
                source.dispose()
            durable.remove_file(database)
    shutil.rmtree(ready)


def _move(folder: Path, place: Path) -> None:
    try:
        durable.move(folder, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with durable.written_folder(place) as partial:  # data sets or runs are on another disk
            shutil.copytree(folder, partial, dirs_exist_ok=True)
        shutil.rmtree(folder)


def is_empty(settings: Settings) -> bool:
    """Whether a workspace has no data set and no run, in its folders and in its database."""
    rooms = (settings.datasets_folder, settings.runs_folder)
    if any(not path.name.startswith(".") for room in rooms if room.is_dir() for path in room.iterdir()):
        return False
    path = file_of(url_of(settings))
    if path is not None and not path.exists():
        return True
    store = Store(url_of(settings))
    try:
        return not store.ids()
    finally:
        store.close()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the queue lock, so that no other process owns or takes the queue of the workspace."""
    try:
        lock = FileLock(settings.queue_lock, mode=file_mode(settings.home))
        lock.acquire(blocking=False)
    except Timeout:
        raise UserError("A dashboard or another command is using this workspace. Stop it, then restore the backup.") from None
    try:
        yield
    finally:
        lock.release()


def _check_room(settings: Settings, manifest: Manifest, packed: int) -> None:
    if len(manifest.files) > _MOST_FILES or manifest.size > max(_SMALL, _HIGHEST_RATIO * packed):
        raise UserError(
            f"The backup claims to unpack to {manifest.size // 2**20:,} MiB, which is not plausible for its size. "
            "Nothing was restored."
        )
    free = shutil.disk_usage(settings.home).free
    if manifest.size > free:
        raise UserError(
            f"The backup needs {manifest.size // 2**20:,} MiB, and only {free // 2**20:,} MiB of disk space are free for the "
            "workspace. Free up disk space first."
        )


def _unpack(source: _Source, manifest: Manifest, folder: Path, progress: Callable[[str], None]) -> None:
    """Copy every file that the manifest names, not a byte more than it says, and verify each hash."""
    for number, (name, entry) in enumerate(sorted(manifest.files.items()), start=1):
        if number % 100 == 1:
            progress(f"file {number:,} of {len(manifest.files):,}")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with source.open(name) as packed, path.open("xb") as out:
            while size <= entry.size and (chunk := packed.read(min(_CHUNK, entry.size + 1 - size))):
                digest.update(chunk)
                out.write(chunk)
                size += len(chunk)
        if size != entry.size or digest.hexdigest() != entry.sha256:
            raise UserError(f"The backup is damaged: {name[-80:]!r} does not match its recorded hash. Nothing was restored.")


def _check_database(file: Path) -> None:
    """Check that an unpacked database can be opened here, and that it names only folders in the workspace.

    Raises:
        UserError: it does not, or is of a newer Tuneboard.
    """
    try:
        engine = open_database(sa.URL.create("sqlite", database=str(file)))
        try:
            with reading(engine) as connection:
                ids = ids_in(connection)
        finally:
            engine.dispose()
    except UserError as error:
        raise UserError(f"The database in the backup cannot be used, so nothing was restored. {error}") from None
    if not all(is_name(f"{RUNS}/{one}/file") and one.isascii() and "/" not in one for one in ids):
        raise UserError(
            "The database in the backup names folders outside the workspace. Nothing was restored; the backup was not written by "
            "Tuneboard, or was changed since."
        )


def _free_place(settings: Settings) -> Path:
    """A new folder in the workspace for its previous content."""
    return settings.home / f"{BEFORE}{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{time.time_ns() % 10**6:06d}"


def _has_own_database(settings: Settings) -> bool:
    return file_of(url_of(settings)) == settings.database_file.absolute()


def _keep_current_content(settings: Settings, before: Path) -> None:
    """Move the content of a workspace into a subfolder; parts moved before a kill are there already."""
    durable.make_folder(before)
    database = settings.database_file
    rest = (f"{DATABASE}{end}" for end in ("-wal", "-shm"))
    for path in (settings.datasets_folder, settings.runs_folder, database, *(settings.home / name for name in rest)):
        if path.is_dir() and (before / path.name).is_dir():
            with contextlib.suppress(OSError):
                path.rmdir()  # created again, empty, by another process
        if path.exists():
            durable.move(path, before / path.name)


class _Source:
    """The files of a backup, by name.

    Attributes:
        size: bytes on disk of the backup itself.
    """

    size: int

    def open(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """A file to read.

        Raises:
            UserError: it does not exist.
        """
        raise NotImplementedError

    def read_all(self, name: str, limit: int) -> bytes:
        """The content of a file.

        Raises:
            UserError: it does not exist, or has more than ``limit`` bytes.
        """
        with self.open(name) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise UserError(f"This is not a backup of a Tuneboard workspace: its {name} is too large.")
        return content


class _ZipSource(_Source):
    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self.size = size

    def open(self, name: str) -> IO[bytes]:
        try:
            entry = self._archive.getinfo(name)
            if entry.compress_type not in _PACKINGS:
                raise KeyError(name)
            return self._archive.open(entry)
        except (KeyError, RuntimeError):  # missing, compressed by another method, or encrypted
            raise _is_missing(name) from None


class _FolderSource(_Source):
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.size = sum(path.lstat().st_size for path in folder.rglob("*"))

    def open(self, name: str) -> IO[bytes]:
        path = self._folder / name
        # A link could lead anywhere, and reading from a pipe would block.
        if any(one.is_symlink() for one in (path, *path.parents) if one.is_relative_to(self._folder)) or not path.is_file():
            raise _is_missing(name)
        return path.open("rb")


def _is_missing(name: str) -> UserError:
    if name == MANIFEST:
        return UserError(
            "This is not a backup of a Tuneboard workspace: it has no manifest.json. Choose one made by 'python -m core backup'."
        )
    return UserError(f"The backup is damaged: {name[-80:]!r} is missing. Nothing was restored.")


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[_Source]:
    if file.is_dir():
        yield _FolderSource(file)
    elif file.is_file():
        with zipfile.ZipFile(file) as archive:
            yield _ZipSource(archive, file.stat().st_size)
    else:
        raise UserError(f"There is no backup {file.name!r}. Check the path.")
