"""Durable, atomic writes of files and folders, safe against a kill or a power cut at any moment.

Everything is first written to a hidden temporary name that ends in ``.part``, in the same folder. It is synced to disk, then
renamed, then its folder is synced: a visible name always refers to a complete file, and what a function here has written still
exists after a power cut. A rename alone does not guarantee this, since many file systems write the name before the content.
Source: Pillai et al., All file systems are not created equal, OSDI 2014.

``core.files.parts`` finds what a killed process left half written.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from core.files.parts import PART, new_part, remove_part
from core.files.private import close_to_others, file_mode, folder_mode, private

_NO_FOLDER_SYNC = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EISDIR}
"""Errors of systems that cannot sync a folder (Windows, some network file systems)."""


# --- files ------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Write a file atomically: complete and on disk when the block is left, or not at all.

    Yields:
        the temporary path to write to; an empty file exists there.

    Raises:
        OSError: it cannot be written. The previous file still exists.
    """
    with _part_of(path, is_folder=False) as part:
        yield part
        part.chmod(file_mode(path.parent))  # some libraries replace the given file by a new one
        sync_file(part)
        os.replace(part, path)  # noqa: PTH105  (os.replace is used throughout this module)
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write bytes as ``written`` does."""
    with written(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str, *, errors: str = "strict") -> None:
    """Write text in UTF-8 as ``written`` does."""
    write_bytes(path, text.encode("utf-8", errors))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON as ``written`` does.

    Raises:
        ValueError: a number in it is not finite.
    """
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False))


def open_to_append(path: Path, *, buffering: int = -1) -> IO[bytes]:
    """Open a file that grows, such as a log, creating it for this user only. ``sync_file`` writes it to disk."""
    return open(path, "ab", buffering=buffering, opener=private)


# --- folders ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """Write a folder atomically: all its files are on disk when the block is left, or none.

    An existing folder of this name is renamed once the new one is complete on disk, and removed afterwards.

    Yields:
        the temporary folder to write to; it exists and is empty.

    Raises:
        OSError: it cannot be written.
    """
    with _part_of(folder, is_folder=True) as part:
        yield part
        close_to_others(part)
        sync_tree(part)
        before = _move_out_of_the_way(folder)
        os.replace(part, folder)  # noqa: PTH105
    sync_folder(folder.parent)
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A temporary folder for the duration of the block; what a kill leaves of it is removed like other parts.

    Raises:
        OSError: it cannot be created.
    """
    with _part_of(parent / "scratch", is_folder=True) as part:
        try:
            yield part
        finally:
            remove_part(part)


def make_folder(folder: Path, *, exist_ok: bool = True) -> None:
    """Create a folder for this user only, with its missing parents, durably.

    Raises:
        FileExistsError: it exists already and ``exist_ok`` is not set.
        OSError: it cannot be created.
    """
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    mode = folder_mode(folder.parent)
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        if not exist_ok or not folder.is_dir():
            raise
        return
    folder.chmod(mode)
    sync_folder(folder.parent)


def move(source: Path, target: Path) -> None:
    """Move a file or folder durably; both paths must be on the same file system.

    Raises:
        OSError: it cannot be moved.
    """
    os.replace(source, target)  # noqa: PTH105
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def remove_file(path: Path) -> None:
    """Remove a file durably, if it exists.

    Raises:
        OSError: it cannot be removed.
    """
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


# --- syncing to disk --------------------------------------------------------------------------------------------------------


def sync_file(path: Path) -> None:
    """Sync the content of a file to disk.

    Raises:
        OSError: the sync failed.
    """
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Sync the entries of a folder to disk, if the system supports it.

    Raises:
        OSError: the sync failed.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Sync a folder with all its contents to disk: files first, then folders, innermost first.

    Raises:
        OSError: the sync failed.
    """
    for folder, _, files in os.walk(root, topdown=False):
        for name in sorted(files):
            sync_file(Path(folder) / name)
        sync_folder(Path(folder))


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # there, fsync does not flush the disk's own cache
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


# --- helpers ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _part_of(path: Path, *, is_folder: bool) -> Iterator[Path]:
    """A temporary part to write; when the block is left, it has been renamed or is removed."""
    if is_folder:
        make_folder(path.parent)
    part, lock = new_part(path, is_folder=is_folder)
    try:
        yield part
    except BaseException:
        with contextlib.suppress(OSError):
            remove_part(part)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _move_out_of_the_way(folder: Path) -> Path | None:
    """Rename an existing folder to a hidden name; ``None`` if there is none, or it is empty and is removed."""
    with contextlib.suppress(OSError):
        folder.rmdir()
    if not folder.exists():
        return None
    before = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old{PART}")
    os.replace(folder, before)  # noqa: PTH105
    return before
