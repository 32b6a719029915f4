"""What kills left in a workspace, and clearing it away: deletions that were begun, and imports, launches and backups cut short.

A deletion hides its folders inside the change of the catalogue that removes their lines, so what lies in the trash tells by the
catalogue what it is: without a line, the deletion counts, and what is left of the folder goes; with one, the change did not come
to its end, and the folder gets its place back. Nothing in the trash was touched before the change counted.
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
"""An empty folder is one that an import has just made; ten minutes later, it is what a kill left of one."""

_EARLIER_HIDDEN = ".deleted-"
"""In the name of what an earlier Tuneboard hid to delete it."""


@dataclass(frozen=True)
class Leftovers:
    """What lies in a workspace and belongs to nothing.

    Attributes:
        num_deleted: folders whose deletion was begun and is not finished.
        num_unfinished: folders and files that were being written when the process was killed.
        num_unknown: folders of data sets and runs that the database has no line for; ``doctor --repair`` enters them.
    """

    num_deleted: int
    num_unfinished: int
    num_unknown: int


def count_leftovers(settings: Settings, store: Store) -> Leftovers:
    """What kills left here and is not cleared away; what another process is writing now does not count."""
    known = store.ids()
    empty = [folder for room in _of_ids(settings) for folder in _empty(room)]
    unknown = [folder for room in _of_ids(settings) for folder in _visible(room) if folder.name not in known]
    return Leftovers(
        num_deleted=sum(len(_hidden(room)) for room in _rooms(settings)),
        num_unfinished=sum(len(abandoned_parts(room)) for room in (*_rooms(settings), *_inner(settings))) + len(empty),
        num_unknown=sum(1 for folder in unknown if any(folder.iterdir())),
    )


def sweep(settings: Settings, store: Store, *, thoroughly: bool = False) -> None:
    """Clear away what kills left, where that can be done now; what cannot is met again at the next start.

    Args:
        settings, store: of the workspace.
        thoroughly: look into the folder of every data set and run, too. The worker of a run that is resumed does so by itself.
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
    """Bring every deletion that was begun to its end: forwards where its change counts, back where it does not.

    Raises:
        UserError: the database cannot be used now.
    """
    hidden = [one for room in _rooms(settings) for one in _hidden(room)]
    if not hidden:
        return
    with store.held() as known:  # a deletion under way has its folders hidden, and its lines still there, until it counts
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
    """Every folder in which folders are made and deleted."""
    return [*_of_ids(settings), settings.uploads_folder, settings.hub_models_folder, settings.home]


def _inner(settings: Settings) -> list[Path]:
    """Every folder in the folders of data sets and runs in which something is written after it was made."""
    outer = [folder for room in _of_ids(settings) for folder in _visible(room)]
    return [*outer, *(folder / name for folder in outer for name in ("findings", "checkpoints"))]


def _hidden(room: Path) -> list[Path]:
    """What was hidden to be deleted: in the trash of a room, and as an earlier Tuneboard did it."""
    return [
        *trash.hidden_in(room),
        *(path for path in _entries(room) if path.name.startswith(".") and _EARLIER_HIDDEN in path.name),
    ]


def _visible(room: Path) -> list[Path]:
    return [path for path in _entries(room) if not path.name.startswith(".") and path.is_dir()]


def _empty(room: Path) -> list[Path]:
    """Folders of data sets and runs that nothing was ever written to."""
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
