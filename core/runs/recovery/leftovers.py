"""What killed processes left in a workspace, and removing it: unfinished deletions, imports, launches and backups.

A deletion hides its folders in the trash inside the transaction that removes their rows. So the database tells what a folder in
the trash is: if it has no row, the deletion was committed, and the folder is removed; if it has one, the transaction was not
committed, and the folder is put back. Nothing in the trash is changed before the commit.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from core.config.settings import Settings
from core.errors import UserError
from core.files import trash
from core.files.parts import abandoned_parts, sweep_parts
from core.runs.store.store import Store

_EMPTY_FOR_S = 600.0
"""A new empty folder may belong to a running import; after ten minutes it is what a killed process left."""

_EARLIER_HIDDEN = ".deleted-"
"""Part of the name of a folder that an earlier version of Tuneboard hid to delete it."""


@dataclass(frozen=True)
class Leftovers:
    """What is in a workspace and belongs to nothing.

    Attributes:
        num_deleted: folders whose deletion was started and is not finished.
        num_unfinished: folders and files that were being written when the process was killed.
        num_unknown: folders of data sets and runs that the database has no row for; ``doctor --repair`` adds them.
    """

    num_deleted: int
    num_unfinished: int
    num_unknown: int


def count_leftovers(settings: Settings, store: Store) -> Leftovers:
    """Count what killed processes left here; what another process is writing now does not count."""
    known = store.ids()
    empty = [folder for room in _of_ids(settings) for folder in _empty(room)]
    unknown = [folder for room in _of_ids(settings) for folder in _visible(room) if folder.name not in known]
    return Leftovers(
        num_deleted=sum(len(_hidden(room)) for room in _rooms(settings)),
        num_unfinished=sum(len(abandoned_parts(room)) for room in (*_rooms(settings), *_inner(settings))) + len(empty),
        num_unknown=sum(1 for folder in unknown if any(folder.iterdir())),
    )


def sweep(settings: Settings, store: Store, *, thoroughly: bool = False) -> None:
    """Remove what killed processes left, if that is possible now; the rest is tried again at the next start.

    Args:
        settings, store: of the workspace.
        thoroughly: also clean the folder of every data set and run. The worker of a resumed run does that itself.
    """
    with contextlib.suppress(OSError, UserError):
        finish_deletions(settings, store)
        for room in (*_rooms(settings), *(_inner(settings) if thoroughly else ())):
            sweep_parts(room)
            trash.remove_if_empty(room / trash.TRASH)
        for folder in (folder for room in _of_ids(settings) for folder in _empty(room)):
            with contextlib.suppress(OSError):
                folder.rmdir()


def finish_deletions(settings: Settings, store: Store) -> None:
    """Finish every deletion that was started: complete it if its transaction was committed, otherwise undo it.

    Raises:
        UserError: the database cannot be used now.
    """
    hidden = [one for room in _rooms(settings) for one in _hidden(room)]
    if not hidden:
        return
    with store.held() as known:  # a running deletion has hidden its folders, and its rows still exist, until it commits
        undone = [one for one in hidden if trash.place_of(one).name in known]
        for one in undone:
            with contextlib.suppress(OSError):
                trash.put_back(one)
    for one in hidden:
        if one not in undone:
            trash.remove(one)


def _of_ids(settings: Settings) -> tuple[Path, Path]:
    return settings.datasets_folder, settings.runs_folder


def _rooms(settings: Settings) -> list[Path]:
    """Every folder in which folders are created and deleted."""
    return [*_of_ids(settings), settings.uploads_folder, settings.hub_models_folder, settings.home]


def _inner(settings: Settings) -> list[Path]:
    """Every folder in the folders of data sets and runs in which files are written after it was created."""
    outer = [folder for room in _of_ids(settings) for folder in _visible(room)]
    return [*outer, *(folder / name for folder in outer for name in ("findings", "checkpoints"))]


def _hidden(room: Path) -> list[Path]:
    """What was hidden to be deleted: in the trash, and as earlier versions of Tuneboard did it."""
    return [
        *trash.hidden_in(room),
        *(path for path in _entries(room) if path.name.startswith(".") and _EARLIER_HIDDEN in path.name),
    ]


def _visible(room: Path) -> list[Path]:
    return [path for path in _entries(room) if not path.name.startswith(".") and path.is_dir()]


def _empty(room: Path) -> list[Path]:
    """Empty folders of data sets and runs that are older than ``_EMPTY_FOR_S``."""
    oldest = time.time() - _EMPTY_FOR_S
    found = []
    for folder in _visible(room):
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < oldest and not any(folder.iterdir()):
                found.append(folder)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
