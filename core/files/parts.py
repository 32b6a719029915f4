"""Files and folders that are being written, and what a kill left of them.

Each lies beside the place it is to have, under a hidden name that ends in ``.part``. Whoever writes one holds a lock on it, which
the system lets go of when the process ends, however it ends: so what is left can be told from what is under way.
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
"""Where no lock can be had, a part that nobody has touched for so long is taken for abandoned."""


def sweep_parts(folder: Path) -> None:
    """Remove what a kill left half written in a folder; what is being written now stays."""
    for part in parts_in(folder):
        with _if_abandoned(part) as abandoned:
            if abandoned:
                remove_part(part)


def parts_in(folder: Path) -> list[Path]:
    """What lies half written in a folder, be it left there or under way."""
    try:
        return [path for path in folder.iterdir() if path.name.startswith(".") and path.name.endswith(PART)]
    except OSError:
        return []


def abandoned_parts(folder: Path) -> list[Path]:
    """What a kill left half written in a folder."""
    found = []
    for part in parts_in(folder):
        with _if_abandoned(part) as abandoned:
            found += [part] if abandoned else []
    return found


def new_part(path: Path, *, is_folder: bool) -> tuple[Path, int | None]:
    """An empty part for what is to lie at ``path``, and the lock that says it is being written, to be closed at the end."""
    while True:
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
        try:
            _make_empty(aside, is_folder=is_folder)
        except FileExistsError:
            continue
        # Whoever sweeps may have taken it for abandoned before it was locked.
        try:
            aside.chmod((folder_mode if is_folder else file_mode)(path.parent))
            lock = _lock(aside)
        except (FileNotFoundError, BlockingIOError):
            continue
        if lock is None or _is_same(aside, lock):
            return aside, lock
        os.close(lock)


@contextlib.contextmanager
def _if_abandoned(part: Path) -> Iterator[bool]:
    """Whether nobody writes a part; while the block lasts, nobody can begin to."""
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
    """A lock on a file or folder, held for as long as it is open; ``None`` where the system has none.

    Raises:
        BlockingIOError: another process has it.
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


def _make_empty(aside: Path, *, is_folder: bool) -> None:
    if is_folder:
        aside.mkdir(mode=folder_mode(aside.parent))
    else:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, file_mode(aside.parent)))


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
    """Remove a part, be it a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
