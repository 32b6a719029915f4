"""Versions of a data set: drafts of repairs, saving a draft as a new version, and the comparison of versions.

A version is a separate data set. It names its parent and stores every change since the import, so its history can be read even
after earlier versions were deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from core.config.settings import Settings
from core.datasets.dataset import Dataset, hash_examples, write_dataset
from core.datasets.importing.validate import check_examples, without_unknown_labels
from core.datasets.repairs.available import get_repair
from core.datasets.repairs.repair import Parameters, Repair, RepairResult
from core.datasets.repairs.steps import RepairStep, StepDone, kept_parameters
from core.datasets.repairs.targets import answers_in_words
from core.datasets.row_diff import Compared, RowChange, compare_rows, sample_changes
from core.errors import DatasetError
from core.tasks import SPLITS, Task, get_task
from core.text_format import counted

_UNKNOWN_LABEL = "No training example has its label."
_LEFT_OUT = "Delete rows of validation and test whose label is not in training"
_REMOVED_COLUMNS = ["id", "split", "record", "text", "answer", "reason"]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A version that is not saved yet.

    Attributes:
        parent: the data set it is based on.
        examples: its rows, ids as in the parent.
        labels, num_examples, label_counts, splitting, notes: see ``Dataset``.
        unlabelled, extra, removed: see ``Dataset``.
        steps: every repair with its change counts.
        compared: the differences from the parent.
        changes: some of the rows that differ.
        content_hash, test_hash: see ``Dataset``.
    """

    parent: Dataset
    examples: pd.DataFrame
    labels: list[str]
    num_examples: dict[str, int]
    label_counts: dict[str, dict[str, int]]
    splitting: dict[str, Any]
    notes: list[str]
    unlabelled: pd.DataFrame
    extra: pd.DataFrame
    removed: pd.DataFrame
    steps: tuple[StepDone, ...]
    compared: Compared
    changes: tuple[RowChange, ...]
    content_hash: str
    test_hash: str

    @property
    def changes_test(self) -> bool:
        """Whether its test split differs from the parent's, so that scores cannot be compared."""
        return self.test_hash != self.parent.test_hash

    @property
    def changes_anything(self) -> bool:
        """Whether it differs from its parent at all."""
        return not self.compared.is_same or self._other_changes

    @property
    def _other_changes(self) -> bool:
        before = self.parent.unlabelled(), self.parent.extra()
        after = self.unlabelled, self.extra
        return not all(old.equals(new) or (not old.size and not new.size) for old, new in zip(before, after, strict=True))

    @property
    def line(self) -> str:
        """The applied repairs, in one line."""
        return "; ".join(step.line for step in self.steps)


@dataclass(kw_only=True)
class _State:
    """The rows while the repairs are applied."""

    task: Task
    examples: pd.DataFrame
    unlabelled: pd.DataFrame
    extra: pd.DataFrame
    splitting: dict[str, Any]
    removed: list[pd.DataFrame] = field(default_factory=list)
    done: list[StepDone] = field(default_factory=list)

    def take(self, step: RepairStep) -> None:
        """Apply one repair."""
        repair = get_repair(step.repair)
        result = repair.apply(self.examples, self.task, step.parameters, extra=self.extra, splitting=self.splitting)
        self._set_aside(result.removed)
        self._pool(result)
        self.examples = result.examples
        if result.splitting is not None:
            self.splitting = dict(result.splitting)
        beside = self._treat_alike(repair, repair.complete(step.parameters))
        self.done.append(
            StepDone(
                repair=repair.name,
                title=step.title,
                parameters=kept_parameters(repair, step.parameters),
                num_changed=result.num_changed,
                num_removed=result.num_removed,
                notes=(*result.notes, *beside),
            )
        )

    def leave_unknown_labels_out(self) -> None:
        """Delete the rows of validation and test whose labels no longer occur in training."""
        kept, _ = without_unknown_labels(self.examples.assign(part="main"), self.task)
        gone = self.examples.loc[~self.examples["id"].isin(kept["id"]), "id"].tolist()
        if not gone:
            return
        self._set_aside(dict.fromkeys(gone, _UNKNOWN_LABEL))
        self.examples = self.examples[~self.examples["id"].isin(gone)].reset_index(drop=True)
        self.done.append(StepDone(repair="", title=_LEFT_OUT, parameters={}, num_changed=0, num_removed=len(gone), notes=()))

    def _set_aside(self, reasons: Mapping[int, str]) -> None:
        rows = self.examples[self.examples["id"].isin(list(reasons))]
        if len(rows):
            told = rows[["id", "split", "record", "text"]].assign(
                answer=answers_in_words(rows), reason=[reasons[int(id_)] for id_ in rows["id"]]
            )
            self.removed.append(told)

    def _pool(self, result: RepairResult) -> None:
        pooled = self.examples[self.examples["id"].isin(result.pooled)]
        if len(pooled):
            self.unlabelled = pd.concat([self.unlabelled, pooled[["record", "text"]]], ignore_index=True)

    def _treat_alike(self, repair: Repair, parameters: Parameters) -> list[str]:
        """Apply a text repair to the pool of unlabelled texts and the extra columns as well."""
        notes = []
        if repair.text is not None and len(self.unlabelled):
            texts = self.unlabelled["text"].map(repair.text(parameters))
            if num_changed := int((texts != self.unlabelled["text"]).sum()):
                notes.append(f"{counted(num_changed, 'unlabelled row')} also changed.")
            self.unlabelled = self.unlabelled.assign(text=texts)[texts != ""].reset_index(drop=True)
        if repair.cell is not None and len(self.extra.columns):
            changed = self.extra.apply(lambda column: _distinct(column, repair.cell, parameters))
            odd = [str(name) for name in changed if not changed[name].equals(self.extra[name])]
            if odd:
                notes.append(f"Cells of {counted(len(odd), 'extra column')} also changed.")
            self.extra = changed
        return notes


def _distinct(column: pd.Series, cell: Callable[[Parameters], Callable[[str], str]] | None, parameters: Parameters) -> pd.Series:
    """Apply a change to each cell; a number is appended if different cells would become equal, so that groups stay separate."""
    assert cell is not None
    change = cell(parameters)
    seen: dict[str, str] = {}
    uses: dict[str, int] = {}
    for value in column.dropna().unique():
        new = change(value)
        if new != value:
            uses[new] = uses.get(new, 0) + 1
            new = f"{new} {uses[new]}"
        seen[value] = new
    return pd.Series([seen.get(value) for value in column], index=column.index, dtype=object)


def draft_version(dataset: Dataset, steps: Sequence[RepairStep], *, max_labels: int = Settings.max_labels) -> Draft:
    """Apply repairs to a data set without saving the result.

    Args:
        dataset: the data set to repair.
        steps: repairs, applied one after the other.
        max_labels: maximum number of labels.

    Raises:
        DatasetError: a repair cannot be applied, or the remaining rows cannot be used for training.
    """
    task = get_task(dataset.task)
    before = dataset.examples()
    state = _State(
        task=task,
        examples=before,
        unlabelled=dataset.unlabelled(),
        extra=dataset.extra(),
        splitting=dict(dataset.splitting),
    )
    for step in steps:
        state.take(step)
        if state.examples.empty:
            raise DatasetError(f"{step.title}: no rows would remain. Choose other rows or another repair.")
    state.leave_unknown_labels_out()

    examples = state.examples
    by_split = {name: examples[examples["split"] == name] for name in SPLITS}
    label_counts = {name: task.label_counts(rows) for name, rows in by_split.items()}
    num_examples = {name: len(rows) for name, rows in by_split.items()}
    labels = task.label_names(by_split["train"])
    check_examples(examples, labels, num_examples, task, max_labels)
    targets = list(task.target_columns)
    compared = compare_rows(before, examples, targets)
    removed = pd.concat(state.removed, ignore_index=True) if state.removed else pd.DataFrame(columns=_REMOVED_COLUMNS)
    notes = [*dataset.notes, *(note for step in state.done for note in (f"{step.line}.", *step.notes))]
    return Draft(
        parent=dataset,
        examples=examples,
        labels=labels,
        num_examples=num_examples,
        label_counts=label_counts,
        splitting=state.splitting,
        notes=list(dict.fromkeys(notes)),
        unlabelled=state.unlabelled,
        extra=state.extra[state.extra.index.isin(examples["id"])],
        removed=removed,
        steps=tuple(state.done),
        compared=compared,
        changes=sample_changes(
            before, examples, compared, targets, reasons=dict(zip(removed["id"], removed["reason"], strict=True))
        ),
        content_hash=hash_examples(examples, ["split", "text", *targets]),
        test_hash=hash_examples(by_split["test"], ["text", *targets]),
    )


def write_version(draft: Draft, folder: Path, *, version: int) -> Dataset:
    """Save a draft as a data set; the name of the folder becomes its id.

    Args:
        draft: the result of ``draft_version``.
        folder: the target folder; must not exist, or be empty.
        version: its number within the family.

    Raises:
        DatasetError: the repairs make no changes.
    """
    if not draft.changes_anything:
        raise DatasetError("These repairs make no changes to this data set, so no new version was created. Choose other repairs.")
    parent, now = draft.parent, datetime.now(UTC).isoformat(timespec="seconds")
    change = {
        "version": version,
        "id": folder.name,
        "parent": parent.id,
        "parent_version": parent.version,
        "created_at": now,
        "steps": [asdict(step) for step in draft.steps],
        "num_changed": len(draft.compared.changed),
        "num_removed": len(draft.compared.removed),
        "num_examples_before": dict(parent.num_examples),
        "num_examples": draft.num_examples,
        "changes_test": draft.changes_test,
    }
    description = {
        "id": folder.name,
        "task": parent.task,
        "labels": draft.labels,
        "num_examples": draft.num_examples,
        "label_counts": draft.label_counts,
        "content_hash": draft.content_hash,
        "test_hash": draft.test_hash,
        "splitting": draft.splitting,
        "source": parent.source,
        "notes": draft.notes,
        "created_at": now,
        "parent": parent.id,
        "family": parent.family_id,
        "version": version,
        "changes": [*parent.changes, change],
        "num_unlabelled": len(draft.unlabelled),
        "extra_columns": [str(name) for name in draft.extra.columns],
    }
    return write_dataset(
        folder, draft.examples, description, unlabelled=draft.unlabelled, extra=draft.extra, removed=draft.removed
    )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences between two versions of a data set.

    Attributes:
        compared: ids of the rows that differ.
        changes: some of them.
        same_test: whether their scores can be compared.
        num_unlabelled: rows in the pool of unlabelled texts, before and after.
    """

    compared: Compared
    changes: tuple[RowChange, ...]
    same_test: bool
    num_unlabelled: tuple[int, int]


def compare_versions(old: Dataset, new: Dataset) -> Comparison:
    """Match the rows of two versions and compare them.

    Raises:
        DatasetError: they do not come from the same import.
    """
    if old.family_id != new.family_id:
        raise DatasetError(
            "These data sets do not come from the same import, so their rows cannot be matched. Choose versions of the same "
            "data set."
        )
    targets = list(get_task(new.task).target_columns)
    before, after = old.examples(), new.examples()
    compared = compare_rows(before, after, targets)
    removed = new.removed() if new.parent == old.id else pd.DataFrame(columns=_REMOVED_COLUMNS)
    reasons = {int(id_): str(reason) for id_, reason in zip(removed["id"], removed["reason"], strict=True)}
    return Comparison(
        compared=compared,
        changes=sample_changes(before, after, compared, targets, reasons=reasons),
        same_test=old.test_hash == new.test_hash,
        num_unlabelled=(old.num_unlabelled, new.num_unlabelled),
    )
