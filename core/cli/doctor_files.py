"""Checks of a workspace's files for ``doctor``: whether they are intact, who can read them, and what killed processes left."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.errors import NotFoundError
from core.files.private import open_to_others
from core.runs.recovery.damaged_files import Damage, damage_of_dataset, damage_of_run, in_words
from core.runs.recovery.leftovers import count_leftovers
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace

_MOST_NAMED = 20
"""Most damaged data sets and runs that are named one by one; the others are only counted."""


def look_at_files(workspace: Workspace, problems: list[str]) -> dict[str, Any]:
    """Check every file against its recorded hash, and report problems.

    Args:
        workspace: the workspace to check.
        problems: gets one sentence for each problem.

    Returns:
        ``num_checked``, ``num_damaged``, ``damaged`` (id -> file -> damage), ``open_to_others`` (number of files and folders),
        ``leftovers``.
    """
    damaged = _damaged_datasets(workspace) | _damaged_runs(workspace)
    problems += list(damaged_sentences(damaged))
    num_open = sum(1 for _ in open_to_others(workspace.settings.home))
    if num_open:
        problems.append(
            f"Other accounts of this machine, or a group, can read parts of the workspace ({num_open:,} files and folders). "
            "'python -m core doctor --repair' removes their access; mark a folder that is shared on purpose with 'chmod g+ws'."
        )
    left = count_leftovers(workspace.settings, workspace.store)
    if left.num_unknown:
        problems.append(
            f"{left.num_unknown:,} folders of data sets and runs are not in the database, for example because an import was "
            "killed just before its end. 'python -m core doctor --repair' adds those that are intact."
        )
    if left.num_deleted or left.num_unfinished:
        problems.append(
            f"Killed processes left {left.num_deleted:,} deleted and {left.num_unfinished:,} unfinished files or folders. "
            "'python -m core doctor --repair' removes them; if it cannot, check the permissions of the workspace."
        )
    return {
        "num_checked": len(workspace.dataset_records()) + len(workspace.runs()),
        "num_damaged": len(damaged),
        "damaged": {one: damage for one, (_, damage, _) in damaged.items()},
        "open_to_others": num_open,
        "leftovers": asdict(left),
    }


def damaged_sentences(damaged: dict[str, tuple[str, Damage, str]]) -> list[str]:
    """One sentence for each damaged data set or run, and one for those that are only counted."""
    named = [f"{what}: {in_words(damage)}. {advice}" for what, damage, advice in list(damaged.values())[:_MOST_NAMED]]
    rest = len(damaged) - len(named)
    return [*named, f"{rest:,} more data sets and runs are damaged."] if rest else named


def _damaged_datasets(workspace: Workspace) -> dict[str, tuple[str, Damage, str]]:
    found = {}
    for record in workspace.dataset_records():
        damage = damage_of_dataset(workspace.settings.datasets_folder / record.id)
        if damage:
            found[record.id] = (
                f"Data set {record.name!r} ({record.id}) is damaged",
                damage,
                "Restore the files from a backup, or import the data again.",
            )
    return found


def _damaged_runs(workspace: Workspace) -> dict[str, tuple[str, Damage, str]]:
    found = {}
    for record in workspace.runs():
        try:
            damage = damage_of_run(workspace.run_dir(record.id))
        except NotFoundError:
            damage = {"its folder": "gone"}
        if damage and record.state not in (RunState.QUEUED, RunState.RUNNING):
            found[record.id] = (
                f"Run {record.name!r} ({record.id}) is damaged",
                damage,
                "Restore the files from a backup, or launch the run again.",
            )
    return found
