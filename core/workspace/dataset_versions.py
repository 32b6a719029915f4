"""Versions of data sets in a workspace: drafting one, saving it, and finding all versions of a family.

The database has a row for each version with its parent; the changes, and the number within the family, are in the data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from core.errors import DatasetError, NotFoundError
from core.files.text_patterns import VERSION_NUMBER
from core.files.trash import remove_folder
from core.names import LONGEST_NAME
from core.runs.directory.ids import new_folder
from core.runs.store.records import DatasetRecord
from core.workspace.workspace import Workspace

if TYPE_CHECKING:  # pandas takes half a second to import
    from core.datasets.dataset import Dataset
    from core.datasets.repairs import RepairStep
    from core.datasets.versions.draft import Draft

_LONGEST_CHANGE = 500

PATIENCE_S = 120.0
"""How long saving a version waits for another one of the workspace to be saved."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One data set of a family: its database record, and the data set on disk."""

    record: DatasetRecord
    dataset: Dataset


def draft(workspace: Workspace, dataset_id: str, steps: Sequence[RepairStep]) -> Draft:
    """Apply repairs to a data set without writing anything.

    Raises:
        DatasetError: a repair cannot be applied, or the remaining data cannot be trained on.
        NotFoundError: there is no such data set.
    """
    from core.datasets.versions.draft import draft_version

    return draft_version(workspace.dataset(dataset_id), steps, max_labels=workspace.settings.max_labels)


def save(workspace: Workspace, made: Draft, *, name: str | None = None) -> DatasetRecord:
    """Write a draft as a new version and add it to the database.

    Args:
        workspace: where its parent is.
        made: the result of ``draft``.
        name: display name; the parent's name with the number of the version if not given. A name that is taken gets a number.

    Raises:
        DatasetError: the repairs change nothing, or another version was being saved for too long.
        NotFoundError: the parent was deleted meanwhile.
    """
    from core.datasets.versions.draft import write_version

    try:
        # From finding the highest number to adding the next one: two that save at the same time must not get the same number.
        with FileLock(workspace.settings.versions_lock, timeout=PATIENCE_S):
            parent = workspace.dataset_record(made.parent.id)
            number = 1 + max(version.dataset.version for version in versions(workspace, parent.id))
            folder = new_folder(workspace.settings.datasets_folder)
            try:
                dataset = write_version(made, folder, version=number)
                return workspace.store.add_dataset(
                    DatasetRecord(
                        id=folder.name,
                        name=name or name_of_version(parent.name, number),
                        task=dataset.task,
                        num_examples=sum(dataset.num_examples.values()),
                        num_labels=len(dataset.labels),
                        content_hash=dataset.content_hash,
                        created_at=datetime.now(UTC),
                        parent_id=parent.id,
                        change=_cut(made.line),
                        owner=parent.owner,
                    )
                )
            except BaseException:
                remove_folder(folder)
                raise
    except Timeout:
        raise DatasetError(
            f"Another version is being saved in this workspace and was not finished after {PATIENCE_S:g} seconds. Save again."
        ) from None


def versions(workspace: Workspace, dataset_id: str) -> list[Version]:
    """Every version of the family a data set belongs to, newest first; damaged ones are skipped.

    Raises:
        NotFoundError: there is no such data set.
    """
    family = workspace.dataset(dataset_id).family_id
    found = []
    for record in workspace.dataset_records():
        try:
            dataset = workspace.dataset(record.id)
        except NotFoundError:
            continue
        if dataset.family_id == family:
            found.append(Version(record=record, dataset=dataset))
    return sorted(found, key=lambda version: version.dataset.version, reverse=True)


def name_of_version(name: str, number: int) -> str:
    """Default name of a version: ``Tickets``, then ``Tickets v2``, ``Tickets v3``."""
    ending = f" v{number}"
    return VERSION_NUMBER.sub("", name).rstrip()[: LONGEST_NAME - len(ending)] + ending


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_CHANGE else f"{line[: _LONGEST_CHANGE - 1]}…"
