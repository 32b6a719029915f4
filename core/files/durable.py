"""The one way to write a file or folder that must last, through a kill or a power cut at any moment.

Whatever is written lies beside its place first, under a hidden name that ends in ``.part``. It is brought to the disk, then gets
its name, then its folder is brought to the disk: a name that can be seen always leads to something whole, and what a function
here has returned from is still there after a power cut. A rename alone does not promise that: many file systems write the name
before the content. Source: Pillai et al., All file systems are not created equal, OSDI 2014.

What is left of what was being written when the process was killed, ``core.files.parts`` can tell.
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
"""How systems that cannot bring a folder to the disk say so (Windows, some network file systems)."""


# --- files ------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Write a file under its name in one step: whole and on disk once the block is left, or not at all.

    Yields:
        where to write it; the file is there, empty.

    Raises:
        OSError: it cannot be written. What lay under the name before is still there.
    """
    with _part_of(path, is_folder=False) as aside:
        yield aside
        aside.chmod(file_mode(path.parent))  # some libraries put a new file in place of the one they were given
        sync_file(aside)
        os.replace(aside, path)  # noqa: PTH105  (one name for one act, throughout this module)
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write bytes as ``written`` does."""
    with written(path) as aside:
        aside.write_bytes(content)


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
    """Open a file that grows, such as a log, making it for this user alone. ``sync_file`` brings it to the disk."""
    return open(path, "ab", buffering=buffering, opener=private)


# --- folders ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """Write a whole folder under its name in one step: every file of it on disk once the block is left, or none.

    A folder that has the name already is moved out of the way once the new one is whole on the disk, and removed afterwards.

    Yields:
        where to write its files; a folder that is there, empty.

    Raises:
        OSError: it cannot be written.
    """
    with _part_of(folder, is_folder=True) as aside:
        yield aside
        close_to_others(aside)
        sync_tree(aside)
        before = _move_out_of_the_way(folder)
        os.replace(aside, folder)  # noqa: PTH105
    sync_folder(folder.parent)
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder for what is needed while the block lasts; what a kill leaves of it is swept as other parts are.

    Raises:
        OSError: it cannot be made.
    """
    with _part_of(parent / "scratch", is_folder=True) as aside:
        try:
            yield aside
        finally:
            remove_part(aside)


def make_folder(folder: Path, *, exist_ok: bool = True) -> None:
    """Make a folder for this user alone, and those above it that are missing, so that it lasts.

    Raises:
        FileExistsError: there is one already and ``exist_ok`` is not set.
        OSError: it cannot be made.
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
    """Give a file or folder another name, so that it has it from now on; both must be on one file system.

    Raises:
        OSError: it cannot be moved.
    """
    os.replace(source, target)  # noqa: PTH105
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def remove_file(path: Path) -> None:
    """Remove a file, if it is there, so that it does not come back.

    Raises:
        OSError: it cannot be removed.
    """
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


# --- bringing to the disk ---------------------------------------------------------------------------------------------------


def sync_file(path: Path) -> None:
    """Bring what a file holds to the disk.

    Raises:
        OSError: the disk did not take it.
    """
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that.

    Raises:
        OSError: the disk did not take them.
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
    """Bring a folder with everything in it to the disk: files first, then the folders they lie in, innermost first.

    Raises:
        OSError: the disk did not take it.
    """
    for folder, _, files in os.walk(root, topdown=False):
        for name in sorted(files):
            sync_file(Path(folder) / name)
        sync_folder(Path(folder))


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # there, fsync leaves it in the disk's own memory
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


# --- how ----------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _part_of(path: Path, *, is_folder: bool) -> Iterator[Path]:
    """A part to write, which is gone when the block is left, by its new name or because it was removed."""
    if is_folder:
        make_folder(path.parent)
    aside, lock = new_part(path, is_folder=is_folder)
    try:
        yield aside
    except BaseException:
        with contextlib.suppress(OSError):
            remove_part(aside)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _move_out_of_the_way(folder: Path) -> Path | None:
    """Hide the folder that has a name now; ``None`` if it is free, or the folder is empty, which a rename replaces."""
    with contextlib.suppress(OSError):
        folder.rmdir()
    if not folder.exists():
        return None
    before = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old{PART}")
    os.replace(folder, before)  # noqa: PTH105
    return before
