"""From tables and column roles to a data set: reading, splits, validation and the import summary.

It is independent of the task; everything task-specific is delegated to ``Task``.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.config.settings import Settings
from core.datasets.columns import ReadExamples, column_reading
from core.datasets.dataset import Dataset, cells_of_text, hash_examples, write_dataset
from core.datasets.import_plan import ImportPlan, guess_plan, guess_task
from core.datasets.importing.filters import unlabelled_rows, without_long_texts
from core.datasets.importing.import_summary import ImportSummary, examples_to_json, take_account
from core.datasets.importing.validate import check_examples, check_num_rows, without_unknown_labels
from core.datasets.skipped_records import SkippedFileRecord, set_aside_rows, with_contents
from core.datasets.splitting.assign import assign_splits, check_fractions
from core.datasets.table import Table
from core.datasets.text_array import as_plain
from core.errors import DatasetError
from core.progress import SILENT, Progress
from core.tasks import SPLITS, Reason, SkippedRecord, Task, get_task
from core.text_format import counted

__all__ = ["ImportPlan", "Prepared", "SkippedFileRecord", "guess_plan", "guess_task", "prepare", "write"]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A data set that is ready to be saved; see ``Dataset`` for the fields of the same name.

    Attributes:
        examples: columns ``id, split, record, text`` and the task's targets.
        set_aside: every skipped record.
        account: the import summary.
        unlabelled: ``record`` and ``text`` of the records that were skipped only because they have no label.
        extra: extra columns of the file, indexed by example id.
    """

    task: str
    examples: pd.DataFrame
    labels: list[str]
    num_examples: dict[str, int]
    label_counts: dict[str, dict[str, int]]
    set_aside: Sequence[SkippedFileRecord]
    account: ImportSummary = field(default_factory=ImportSummary)
    notes: list[str] = field(default_factory=list)
    splitting: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    unlabelled: pd.DataFrame = field(default_factory=pd.DataFrame)
    extra: pd.DataFrame = field(default_factory=pd.DataFrame)


def prepare(
    tables: Mapping[str, Table],
    plan: ImportPlan,
    *,
    max_rows: int = Settings.max_rows,
    max_text_characters: int = Settings.max_text_characters,
    max_labels: int = Settings.max_labels,
    progress: Progress = SILENT,
) -> Prepared:
    """Create a data set from one table, or from a main table with separate validation or test tables.

    Args:
        tables: ``main`` and, where there are any, ``validation`` and ``test``.
        plan: task, columns and splits.
        max_rows: maximum number of rows.
        max_text_characters: maximum length of a text; rows with longer texts are skipped.
        max_labels: maximum number of labels.
        progress: called with the completed fraction and the current step.

    Raises:
        DatasetError: the examples cannot be used for training.
    """
    task = get_task(plan.task)
    check_fractions(plan.fractions)
    progress(0.0, "Reading texts and labels")
    parts, set_aside, notes, unlabelled, num_mended = [], [], [], [], 0
    for part, table in tables.items():
        read = _read(task, table, plan, name_the_file=len(tables) > 1)
        read, pool = without_long_texts(read, unlabelled_rows(table, plan.roles, read.set_aside), max_text_characters)
        parts.append(read.examples.assign(part=part))
        set_aside += [_located(entry, part, table) for entry in [*table.set_aside, *read.set_aside]]
        where = f"{table.file_name}: " if len(tables) > 1 else ""
        notes += [where + note for note in [*table.notes, *read.notes]]
        num_mended += read.num_mended
        unlabelled.append(pool)
    if all(part.empty for part in parts):
        raise DatasetError(_nothing_left(set_aside))
    check_num_rows(parts, max_rows)
    filled = [part for part in parts if not part.empty]
    examples = pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0].reset_index(drop=True)

    progress(0.3, "Creating the splits")
    split = assign_splits(examples, tables, plan, task)
    progress(0.8, "Checking the examples")
    set_aside += [_located(entry, "main", tables["main"]) for entry in split.set_aside]
    notes += split.notes
    examples["split"] = pd.Series(split.names, dtype=object)
    if None in split.names:
        examples = examples.dropna(subset="split")
    examples, unknown = without_unknown_labels(examples, task)
    set_aside += [_located(entry, part, tables[part]) for part, entry in unknown]
    if unknown:
        notes.append(f"{counted(len(unknown), 'record')} of validation or test skipped: training has no example of the label.")

    set_aside = with_contents(sorted(set_aside, key=lambda entry: (list(tables).index(entry.part), entry.record)), tables)
    pool = pd.concat(unlabelled, ignore_index=True)
    if len(pool):
        notes.append(
            f"{counted(len(pool), 'record')} with a text but no label: stored with the data set, for Predict and labelling."
        )
    prepared = dataclasses.replace(
        _describe(examples, task, set_aside, notes),
        account=take_account(set_aside, sum(table.num_records for table in tables.values())),
        unlabelled=pool,
        extra=_further_columns(examples, tables, plan),
    )
    check_examples(prepared.examples, prepared.labels, prepared.num_examples, task, max_labels)
    prepared.splitting.update(split.description)
    prepared.source.update({**_origin(tables, plan, prepared), "mended_entities": num_mended})
    progress(1.0, "Ready")
    return prepared


def write(prepared: Prepared, folder: Path) -> Dataset:
    """Save a data set; the name of the folder becomes its id.

    Args:
        prepared: the result of ``prepare``.
        folder: the target folder; must not exist, or be empty.
    """
    targets = list(get_task(prepared.task).target_columns)
    examples = as_plain(prepared.examples)
    description = {
        "id": folder.name,
        "task": prepared.task,
        "labels": prepared.labels,
        "num_examples": prepared.num_examples,
        "label_counts": prepared.label_counts,
        "content_hash": hash_examples(examples, ["split", "text", *targets]),
        "test_hash": hash_examples(examples[examples["split"] == "test"], ["text", *targets]),
        "splitting": prepared.splitting,
        "source": prepared.source,
        "notes": prepared.notes,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "num_unlabelled": len(prepared.unlabelled),
        "extra_columns": [str(name) for name in prepared.extra.columns],
    }
    return write_dataset(
        folder,
        examples,
        description,
        unlabelled=prepared.unlabelled,
        extra=as_plain(prepared.extra),
        set_aside=set_aside_rows(prepared.set_aside),
    )


def _read(task: Task, table: Table, plan: ImportPlan, *, name_the_file: bool) -> ReadExamples:
    try:
        return column_reading(task).read(table.rows, plan.roles)
    except DatasetError as error:
        if name_the_file:
            raise DatasetError(f"{table.file_name}: {error}") from None
        raise


def _describe(examples: pd.DataFrame, task: Task, set_aside: list[SkippedFileRecord], notes: list[str]) -> Prepared:
    examples = examples.reset_index(drop=True)
    examples.insert(0, "id", np.arange(len(examples)))
    columns = ["id", "split", "record", "text", *task.target_columns]
    answers = examples[["split", *task.target_columns]]  # without the texts, to avoid copying them
    by_split = {name: answers[answers["split"] == name] for name in SPLITS}
    label_counts = {name: task.label_counts(rows) for name, rows in by_split.items()}
    return Prepared(
        task=task.name,
        examples=examples[columns],
        labels=task.label_names(by_split["train"]),
        num_examples={name: len(rows) for name, rows in by_split.items()},
        label_counts=label_counts,
        set_aside=set_aside,
        notes=list(dict.fromkeys(notes)),
    )


def _further_columns(examples: pd.DataFrame, tables: Mapping[str, Table], plan: ImportPlan) -> pd.DataFrame:
    """The extra columns of the file, indexed by example id."""
    used = {name for names in plan.roles.values() for name in names} | {plan.split_column}
    ids = pd.Series(np.arange(len(examples)), index=examples.index)
    if len(tables) == 1:
        rows = tables["main"].rows
        if len(rows) != len(examples):
            rows = rows.loc[examples["record"]]
        rows = rows[[name for name in rows.columns if name not in used]].set_axis(ids, axis="index")
        return rows[rows.columns[rows.notna().any().to_numpy()]]
    parts = []
    for part, table in tables.items():
        own = examples["part"] == part
        names = [name for name in table.rows.columns if name not in used]
        parts.append(table.rows.loc[examples.loc[own, "record"], names].set_axis(ids[own], axis="index"))
    rows = pd.concat(parts).sort_index()
    filled = rows.columns[rows.notna().any().to_numpy()]
    return cells_of_text(rows[filled])


def _located(entry: SkippedRecord, part: str, table: Table) -> SkippedFileRecord:
    line = table.lines.get(entry.record)
    return SkippedFileRecord(entry.record, entry.kind, entry.detail, part, table.file_name, line, content=entry.content)


def _nothing_left(set_aside: list[SkippedFileRecord]) -> str:
    what_to_do = "Choose other columns or another file."
    if len(set_aside) == 1:
        return f"The only record cannot be used. {set_aside[0].reason} {what_to_do}"
    reasons: dict[Reason, list[str]] = {}
    for entry in set_aside:
        reasons.setdefault(entry.kind, []).append(entry.reason)
    shown = []
    for kind, found in sorted(reasons.items(), key=lambda item: -len(item[1]))[:3]:
        number = counted(len(found), "record")
        is_same = len(set(found)) == 1
        shown.append(f"{found[0]} ({number})" if is_same else f"{kind.sentence} ({number}, the first: {found[0]})")
    return f"None of the {counted(len(set_aside), 'record')} can be used. {' '.join(shown)} {what_to_do}"


def _origin(tables: Mapping[str, Table], plan: ImportPlan, prepared: Prepared) -> dict[str, Any]:
    """The files, how they were read, and the import summary; ``records`` is always ``kept`` + ``set_aside``."""
    files = []
    for part, table in tables.items():
        skipped = sum(entry.part == part for entry in prepared.set_aside)
        files.append(
            {
                "part": part,
                "file_name": table.file_name,
                "format": table.format,
                "reading": table.reading,
                "records": table.num_records,
                "kept": table.num_records - skipped,
                "set_aside": skipped,
            }
        )
    return {
        "files": files,
        "roles": {role: list(columns) for role, columns in plan.roles.items()},
        **prepared.account.to_json(),
        "unlabelled": len(prepared.unlabelled),
        "set_aside_reasons": examples_to_json(prepared.account),
    }
