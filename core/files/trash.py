"""Atomic deletion of folders: a folder is moved to the trash first, then its contents are removed.

A hidden folder is in ``.trash`` next to its original place, on the same file system, under its name and the time of its deletion.
Only this module reads the trash, so a visible folder is always complete.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from core.files import durable

TRASH = ".trash"


def hide(folder: Path) -> Path | None:
    """Move a folder to the trash atomically; it can be restored.

    Returns:
        its path in the trash; ``None`` if there was no such folder.

    Raises:
        OSError: it cannot be moved.
    """
    trash = folder.parent / TRASH
    hidden = trash / f"{folder.name}.{time.time_ns()}"
    while folder.is_dir():
        durable.make_folder(trash)
        with contextlib.suppress(FileNotFoundError):  # the trash was emptied by another process, or the folder does not exist
            durable.move(folder, hidden)
            return hidden
    return None


def put_back(hidden: Path) -> None:
    """Restore a hidden folder to its original place, unless something exists there now.

    Raises:
        OSError: it cannot be moved.
    """
    place = place_of(hidden)
    if not place.exists():
        durable.move(hidden, place)
        remove_if_empty(hidden.parent)


def place_of(hidden: Path) -> Path:
    """The original path of a folder that ``hide`` moved."""
    return hidden.parent.parent / hidden.name.rpartition(".")[0]


def remove_folder(folder: Path) -> None:
    """Hide a folder, then remove its contents; what cannot be removed stays hidden.

    Raises:
        OSError: it cannot be hidden; it is unchanged then.
    """
    hidden = hide(folder)
    if hidden is not None:
        remove(hidden)


def remove(hidden: Path) -> None:
    """Remove a hidden folder permanently, and the trash when it is empty."""
    shutil.rmtree(hidden, ignore_errors=True)
    remove_if_empty(hidden.parent)


def hidden_in(parent: Path) -> list[Path]:
    """The contents of a folder's trash."""
    try:
        return list((parent / TRASH).iterdir())
    except OSError:
        return []


def remove_if_empty(trash: Path) -> None:
    """Remove the trash itself if it is empty."""
    if trash.name == TRASH:
        with contextlib.suppress(OSError):  # it is not empty, or does not exist
            trash.rmdir()
