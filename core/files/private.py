"""Permissions of files that Tuneboard creates: this user only, whatever the umask is.

A folder is deliberately shared with a group if it has the set-group-id bit and write access for the group; what is created in it
is then accessible to that group too, and to nobody else. Existing files are not changed.
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
    """The permissions of a folder created in ``parent``."""
    return _SHARED_FOLDER_MODE if is_shared(parent) else FOLDER_MODE


def file_mode(parent: Path) -> int:
    """The permissions of a file created in ``parent``."""
    return _SHARED_FILE_MODE if is_shared(parent) else FILE_MODE


def is_shared(folder: Path) -> bool:
    """Whether a folder is shared with a group: set-group-id, and the group may write."""
    try:
        return folder.stat().st_mode & _SHARED == _SHARED
    except OSError:
        return False


def private(path: str, flags: int) -> int:
    """An ``opener`` for ``open`` that creates files for this user only."""
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
    """Set the permissions of a new folder and its contents to those for its parent."""
    root.chmod(folder_mode(root.parent))
    for folder, folders, files in os.walk(root):
        inner, leaf = folder_mode(Path(folder)), file_mode(Path(folder))
        for name in folders:
            (Path(folder) / name).chmod(inner)
        for name in files:
            (Path(folder) / name).chmod(leaf)


def open_to_others(root: Path) -> Iterator[Path]:
    """Paths in a workspace, itself included, that other accounts can read.

    The contents of a folder without access cannot be reached, whatever their own permissions are. In a folder that is
    deliberately shared, access by the group is not reported.
    """
    if os.name != "posix":  # on other systems the mode bits do not control access
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
                folders.remove(name)  # its contents cannot be reached
        yield from (path for name in files if _mode(path := Path(folder) / name) & _others(shared))


def close_workspace(root: Path) -> int:
    """Remove all access of other accounts to a workspace and its contents; links are not changed.

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
    """Permissions of a path; 0 for a link, which has none of its own, and for a missing path."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    return 0 if stat.S_ISLNK(found.st_mode) else stat.S_IMODE(found.st_mode)


def _set_mode(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)
