"""Who may read what Tuneboard makes: this user alone, whatever the umask says.

A folder that is deliberately shared with a group says so by its set-group-id bit together with write access for the group; what
is made in it is then for that group too, and for nobody else. What exists already is never changed here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_SHARED = stat.S_ISGID | stat.S_IWGRP
_SHARED_FOLDER_MODE = stat.S_ISGID | 0o770
_SHARED_FILE_MODE = 0o660


def folder_mode(parent: Path) -> int:
    """The permissions of a folder made in ``parent``."""
    return _SHARED_FOLDER_MODE if is_shared(parent) else FOLDER_MODE


def file_mode(parent: Path) -> int:
    """The permissions of a file made in ``parent``."""
    return _SHARED_FILE_MODE if is_shared(parent) else FILE_MODE


def is_shared(folder: Path) -> bool:
    """Whether a folder is meant for a group: set-group-id, and the group may write."""
    try:
        return folder.stat().st_mode & _SHARED == _SHARED
    except OSError:
        return False


def private(path: str, flags: int) -> int:
    """An ``opener`` for ``open``: a file that is made by it belongs to this user alone."""
    mode = file_mode(Path(path).parent)
    if not flags & os.O_CREAT:
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_EXCL, mode)
    except FileExistsError:
        return os.open(path, flags, mode)
    _set_mode(descriptor, mode)
    return descriptor


def close_to_others(root: Path) -> None:
    """Give a folder that was just made, and everything in it, the permissions of what is made in its parent."""
    root.chmod(folder_mode(root.parent))
    for folder, folders, files in os.walk(root):
        inner, leaf = folder_mode(Path(folder)), file_mode(Path(folder))
        for name in folders:
            (Path(folder) / name).chmod(inner)
        for name in files:
            (Path(folder) / name).chmod(leaf)


def open_to_others(root: Path) -> Iterator[Path]:
    """Paths in a workspace, itself included, that accounts other than this one and its own group can reach and read.

    What lies in a folder that is closed cannot be reached, whatever its own permissions say. In a folder that is deliberately
    shared, the group's access is not counted.
    """
    if os.name != "posix":  # elsewhere the bits say nothing about who may read
        return
    try:
        mode = root.stat().st_mode
    except OSError:
        return
    if not mode & _others(is_shared(root)):
        return
    yield root
    for folder, folders, files in os.walk(root):
        shared = is_shared(Path(folder))
        for name in list(folders):
            path = Path(folder) / name
            if _mode(path) & _others(shared):
                yield path
            else:
                folders.remove(name)  # what lies in it cannot be reached
        yield from (path for name in files if _mode(path := Path(folder) / name) & _others(shared))


def close_workspace(root: Path) -> int:
    """Take from others every access to what lies in a workspace, itself included; links are left alone.

    Returns:
        How many files and folders were changed.
    """
    changed = 0
    for path in list(open_to_others(root)):
        before = path.stat().st_mode
        path.chmod(stat.S_IMODE(before) & ~_others(is_shared(path if path.is_dir() else path.parent)))
        changed += 1
    return changed


def _others(shared: bool) -> int:
    return 0o007 if shared else 0o077


def _mode(path: Path) -> int:
    """Permissions of a path; 0 for a link, which has none of its own, and for what is gone."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    return 0 if stat.S_ISLNK(found.st_mode) else stat.S_IMODE(found.st_mode)


def _set_mode(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)
