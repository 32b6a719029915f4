"""Deleting folders so that no kill leaves one half deleted under its name: hide it first, then remove what it holds.

A hidden folder lies in ``.trash`` beside the place it had, on the same file system, under its name and the moment of its hiding.
Nothing looks into the trash but what is here, so a folder that can be seen is always whole.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from core.files import durable

TRASH = ".trash"


def hide(folder: Path) -> Path | None:
    """Take a folder out of sight in one step; it can be put back.

    Returns:
        where it lies now; ``None`` if there was no such folder.

    Raises:
        OSError: it cannot be moved.
    """
    trash = folder.parent / TRASH
    hidden = trash / f"{folder.name}.{time.time_ns()}"
    while folder.is_dir():
        durable.make_folder(trash)
        with contextlib.suppress(FileNotFoundError):  # whoever empties the trash has removed it, or the folder is gone
            durable.move(folder, hidden)
            return hidden
    return None


def put_back(hidden: Path) -> None:
    """Give a hidden folder the place it had, unless something lies there now.

    Raises:
        OSError: it cannot be moved.
    """
    place = place_of(hidden)
    if not place.exists():
        durable.move(hidden, place)
        remove_if_empty(hidden.parent)


def place_of(hidden: Path) -> Path:
    """Where a folder lay that ``hide`` has hidden."""
    return hidden.parent.parent / hidden.name.rpartition(".")[0]


def remove_folder(folder: Path) -> None:
    """Hide a folder, then remove what it holds; a rest that cannot be removed stays hidden.

    Raises:
        OSError: it cannot be hidden; it is as it was then.
    """
    hidden = hide(folder)
    if hidden is not None:
        remove(hidden)


def remove(hidden: Path) -> None:
    """Remove a hidden folder for good, and the trash when nothing else is in it."""
    shutil.rmtree(hidden, ignore_errors=True)
    remove_if_empty(hidden.parent)


def hidden_in(parent: Path) -> list[Path]:
    """What lies in the trash of a folder."""
    try:
        return list((parent / TRASH).iterdir())
    except OSError:
        return []


def remove_if_empty(trash: Path) -> None:
    """Remove the trash itself where nothing is in it."""
    if trash.name == TRASH:
        with contextlib.suppress(OSError):  # others lie in it, or it is gone
            trash.rmdir()
