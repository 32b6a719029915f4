"""Temporary parts: files and folders that are being written, and leftovers of killed processes.

Each has a hidden name that ends in ``.part`` in the folder of its final path. The writing process holds a lock on it, which the
system releases when the process ends for any reason; so leftovers can be distinguished from parts in use.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from core.files.private import file_mode, folder_mode

PART = ".part"

_ABANDONED_AFTER_S = 24 * 3600.0
"""If locks are not supported, a part that was not modified for so long counts as abandoned."""


def sweep_parts(folder: Path) -> None:
    """Remove abandoned parts in a folder; parts that are being written stay."""
    for part in parts_in(folder):
        with _if_abandoned(part) as abandoned:
            if abandoned:
                remove_part(part)


def parts_in(folder: Path) -> list[Path]:
    """All parts in a folder, abandoned or in use."""
    try:
        return [path for path in folder.iterdir() if path.name.startswith(".") and path.name.endswith(PART)]
    except OSError:
        return []


def abandoned_parts(folder: Path) -> list[Path]:
    """Abandoned parts in a folder."""
    found = []
    for part in parts_in(folder):
        with _if_abandoned(part) as abandoned:
            found += [part] if abandoned else []
    return found


def new_part(path: Path, *, is_folder: bool) -> tuple[Path, int | None]:
    """An empty part for ``path``, and its lock, to be closed at the end."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
        try:
            _make_empty(part, is_folder=is_folder)
        except FileExistsError:
            continue
        # Another process may have removed it as abandoned before it was locked.
        try:
            part.chmod((folder_mode if is_folder else file_mode)(path.parent))
            lock = _lock(part)
        except (FileNotFoundError, BlockingIOError):
            continue
        if lock is None or _is_same(part, lock):
            return part, lock
        os.close(lock)


@contextlib.contextmanager
def _if_abandoned(part: Path) -> Iterator[bool]:
    """Whether no process writes a part; none can start while the block lasts."""
    try:
        lock = _lock(part)
    except OSError:
        yield False
        return
    if lock is None:
        yield _age_s(part) > _ABANDONED_AFTER_S
        return
    try:
        yield True
    finally:
        os.close(lock)


def _lock(path: Path) -> int | None:
    """A lock on a file or folder, held for as long as it is open; ``None`` if the system does not support locks.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: there is no such file.
    """
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _make_empty(part: Path, *, is_folder: bool) -> None:
    if is_folder:
        part.mkdir(mode=folder_mode(part.parent))
    else:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, file_mode(part.parent)))


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def remove_part(path: Path) -> None:
    """Remove a part, whether file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
