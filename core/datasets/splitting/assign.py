"""Assigns examples to splits: by a split column, by group, by time, by separate files, or by a stratified random split."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.datasets.import_plan import ImportPlan
from core.datasets.split_column import split_of
from core.datasets.splitting.grouped import ColumnSplits, split_by_group, split_by_time
from core.datasets.splitting.stratified import stratified_split
from core.datasets.table import Table
from core.errors import DatasetError
from core.tasks.base import SPLITS, Task
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.text_format import counted, quoted, short


@dataclass(kw_only=True)
class Assigned:
    """The split of every example, ``None`` for skipped ones, and how the splits were created."""

    names: list[str | None]
    description: dict[str, Any]
    set_aside: list[SkippedRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuse proportions that are not valid for three splits.

    Raises:
        DatasetError: they are not three positive numbers that sum to 1.
    """
    if (
        len(fractions) != 3
        or not all(math.isfinite(share) and share > 0 for share in fractions)
        or abs(sum(fractions) - 1) > 1e-6
    ):
        shown = ", ".join(f"{share:g}" for share in fractions)
        raise DatasetError(
            f"The proportions of train, validation and test are {shown}; expected 3 numbers above 0 that sum to 1."
        )


def assign_splits(examples: pd.DataFrame, tables: Mapping[str, Table], plan: ImportPlan, task: Task) -> Assigned:
    """Decide the split of every example.

    Args:
        examples: with a column ``part`` with the table they came from.
        tables: see ``importing.prepare``.
        plan: split column, fractions and seed.
        task: gives the labels for stratification.

    Raises:
        DatasetError: the column for the splits is missing, has invalid values, or is combined with another method.
    """
    in_main = (examples["part"] == "main").to_numpy()
    given = {name for name in ("validation", "test") if name in tables}
    if plan.group_column is not None or plan.time_column is not None:
        return _by_group_or_time(examples, tables["main"], plan, task, given)
    if plan.split_column is not None and not given:
        return _by_column(examples, tables["main"], plan, task)
    names: list[str | None] = ["train"] * len(examples)
    if given:
        names = [str(part) for part in examples["part"].where(~in_main, "train")]
    assigned = Assigned(names=names, description={"method": "files" if given else "stratified"})
    if plan.split_column is not None:
        assigned.notes.append(f"Column {plan.split_column!r} was not used for splits, since there are separate files.")
    _draw_missing(assigned, examples, plan, task)
    return assigned


def _by_column(examples: pd.DataFrame, table: Table, plan: ImportPlan, task: Task) -> Assigned:
    name = plan.split_column
    if name not in table.rows.columns:
        raise DatasetError(
            f"There is no column {name!r} to split by. Choose another split column, or create the splits automatically."
        )
    cells = table.rows.loc[examples["record"], name].tolist()
    assigned = Assigned(names=[split_of(cell) for cell in cells], description={"method": "column", "column": name})
    for record, cell, split in zip(examples["record"], cells, assigned.names, strict=True):
        if split is None:
            found = short(cell) if cell else "no value"
            detail = f"Column {name!r} contains {found}; expected train, validation or test."
            assigned.set_aside.append(SkippedRecord(int(record), Reason.NO_SPLIT, detail))
    if "train" not in assigned.names:
        seen = ", ".join(sorted({short(cell) for cell in cells if cell})[:6]) or "no values"
        raise DatasetError(f"Column {name!r} has no training rows; it contains {seen}. Expected train, validation and test.")
    _draw_missing(assigned, examples, plan, task)
    return assigned


def _by_group_or_time(examples: pd.DataFrame, table: Table, plan: ImportPlan, task: Task, given: set[str]) -> Assigned:
    chosen = [name for name in (plan.group_column, plan.time_column) if name is not None]
    if len(chosen) > 1 or given:
        beside = f"column {chosen[1]!r}" if len(chosen) > 1 else "separate files"
        raise DatasetError(f"Column {chosen[0]!r} cannot be used for splits together with {beside}. Choose one method.")
    name = chosen[0]
    if name not in table.rows.columns:
        raise DatasetError(f"There is no column {name!r} to split by. Choose one of {quoted(map(str, table.rows.columns))}.")
    cells = table.rows.loc[examples["record"], name].tolist()
    found: ColumnSplits
    if plan.group_column is not None:
        found = split_by_group(cells, task.strata(examples), plan.fractions, plan.seed, column=name)
    else:
        found = split_by_time(cells, plan.fractions, column=name, order=plan.time_order)
    records = examples["record"].tolist()
    assigned = Assigned(
        names=found.names,
        description=dict(found.description),
        set_aside=[
            SkippedRecord(int(records[place]), Reason.NO_TIME, detail) for place, detail in sorted(found.problems.items())
        ],
        notes=list(found.notes),
    )
    if plan.split_column is not None:
        assigned.notes.append(f"Column {plan.split_column!r} was not used for splits, since column {name!r} is used.")
    return assigned


def _draw_missing(assigned: Assigned, examples: pd.DataFrame, plan: ImportPlan, task: Task) -> None:
    """Create the missing splits from the training rows, in place."""
    missing = [name for name in SPLITS[1:] if name not in assigned.names]
    if not missing:
        return
    places = [place for place, name in enumerate(assigned.names) if name == "train"]
    rows = examples if len(places) == len(examples) else examples.iloc[places]
    shares = {name: plan.fractions[SPLITS.index(name)] for name in missing}
    fractions = (1 - sum(shares.values()), shares.get("validation", 0.0), shares.get("test", 0.0))
    groups = pd.factorize(rows["text"])[0]
    drawn = stratified_split(task.strata(rows), fractions, plan.seed, groups=groups).tolist()
    for place, name in zip(places, drawn, strict=True):
        assigned.names[place] = name
    assigned.description |= {"seed": plan.seed, "fractions": [round(share, 6) for share in fractions], "drawn": missing}
    if len(missing) == 1:
        assigned.notes.append(
            f"There was no {missing[0]} split, so {counted(assigned.names.count(missing[0]), 'training row')} were moved into "
            "one, stratified by label."
        )
