"""Splits by a column: whole groups in one split, or the oldest rows in training and the newest in test.

Both measure what a random split cannot: the performance on customers, authors or months that are not in training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from core.datasets.splitting.parse_dates import parse_times, unreadable
from core.errors import DatasetError
from core.tasks.base import SPLITS
from core.tasks.label_matrix import LabelMatrix
from core.text_format import counted, short

_MOST_UNREADABLE = 0.05
"""Maximum share of non-empty cells that are not dates; above it the column is refused."""


@dataclass(frozen=True, kw_only=True)
class ColumnSplits:
    """The split of every row, ``None`` for rows that cannot be assigned.

    Attributes:
        names: one split for each row.
        description: how the splits were created, as stored with the data set.
        problems: position of a row that cannot be assigned -> the reason.
        notes: remarks, as full sentences.
    """

    names: list[str | None]
    description: dict[str, Any]
    problems: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def split_by_group(
    cells: Sequence[str | None], strata: LabelMatrix, fractions: Sequence[float], seed: int, *, column: str
) -> ColumnSplits:
    """Split by group: no group is in two splits; sizes and labels are as close to their proportions as whole groups allow.

    Groups are assigned in descending size, each to the split where it brings the proportions of its labels and of all rows
    closest to their targets.

    Args:
        cells: the group of each row; a row without one is its own group.
        strata: the labels of each row.
        fractions: proportions of train, validation and test.
        seed: decides the order of groups of equal size.
        column: name of the column, for messages.

    Raises:
        DatasetError: there are fewer groups than splits.
    """
    keys = [cell.strip() if cell is not None and cell.strip() else f"\x00{place}" for place, cell in enumerate(cells)]
    group_of = np.unique(np.array(keys, dtype=object), return_inverse=True)[1]
    num_groups = int(group_of.max()) + 1 if keys else 0
    if num_groups < len(SPLITS):
        raise DatasetError(
            f"Column {column!r} has {counted(num_groups, 'group')}; a split by group needs at least 3. "
            "Choose a column with more groups, or use random splits."
        )
    sizes = np.bincount(group_of, minlength=num_groups)
    place = _deal_out(_label_counts(strata, group_of, num_groups), sizes, fractions, np.random.default_rng(seed))
    names: list[str | None] = [SPLITS[place[group]] for group in group_of.tolist()]
    description = {
        "method": "group",
        "column": column,
        "seed": seed,
        "fractions": [round(share, 6) for share in fractions],
        "groups": {name: place.count(number) for number, name in enumerate(SPLITS)},
    }
    notes = [f"No group of column {column!r} is in two splits; there are {counted(num_groups, 'group')}."]
    if missing := sum(key.startswith("\x00") for key in keys):
        notes.append(f"{counted(missing, 'row')} with no value in column {column!r}: each is its own group.")
    if int(sizes.max()) > max(fractions) * len(keys):
        largest = keys[int(np.argmax(group_of == int(sizes.argmax())))]
        notes.append(
            f"The group {short(largest)} alone has {counted(int(sizes.max()), 'row')}, so the split sizes differ from the plan."
        )
    return ColumnSplits(names=names, description=description, notes=notes)


def split_by_time(cells: Sequence[str | None], fractions: Sequence[float], *, column: str, order: str = "auto") -> ColumnSplits:
    """Split by time: training has the oldest rows, then validation, and test the newest. Equal times stay together.

    Args:
        cells: the date or time of each row, as text.
        fractions: proportions of train, validation and test.
        column: name of the column, for messages.
        order: one of ``parse_dates.ORDERS``.

    Raises:
        DatasetError: more than a few cells are not dates or times, or there are fewer different times than splits.
    """
    moments = parse_times(cells, order=order, column=column)
    problems = {}
    for place, (cell, moment) in enumerate(zip(cells, moments, strict=True)):
        if moment is None:
            empty = cell is None or not cell.strip()
            held = "no value" if empty or cell is None else short(cell)
            problems[place] = f"Column {column!r} contains {held}; expected a date or time to split by."
    odd = [cell for cell, moment in zip(cells, moments, strict=True) if moment is None and cell is not None and cell.strip()]
    filled = sum(cell is not None and bool(cell.strip()) for cell in cells)
    if len(odd) > _MOST_UNREADABLE * filled or not filled:
        raise DatasetError(
            unreadable(column, dict.fromkeys(odd)) if odd else f"Column {column!r} is empty. Choose another column."
        )
    known = [moment for moment in moments if moment is not None]
    cuts = _cuts(sorted(known), fractions, column)
    names = [None if moment is None else SPLITS[sum(moment >= cut for cut in cuts)] for moment in moments]
    periods = {}
    for name in SPLITS:
        own = [moment for moment, split in zip(moments, names, strict=True) if moment is not None and split == name]
        periods[name] = [min(own).isoformat(), max(own).isoformat()]
    description = {
        "method": "time",
        "column": column,
        "fractions": [round(share, 6) for share in fractions],
        "periods": periods,
    }
    notes = [
        f"Training ends with {_day(periods['train'][1])}, validation with {_day(periods['validation'][1])}, "
        f"and the test with {_day(periods['test'][1])}, by column {column!r}."
    ]
    if odd:
        notes.append(f"{counted(len(odd), 'row')} skipped: no readable date in column {column!r}.")
    return ColumnSplits(names=names, description=description, problems=problems, notes=notes)


def _label_counts(strata: LabelMatrix, group_of: np.ndarray, num_groups: int) -> list[dict[int, int]]:
    """The label counts of each group."""
    counts: list[dict[int, int]] = [{} for _ in range(num_groups)]
    for group, label in zip(group_of[strata.rows].tolist(), strata.labels.tolist(), strict=True):
        counts[group][label] = counts[group].get(label, 0) + 1
    return counts


def _deal_out(
    labels_of: Sequence[dict[int, int]], sizes: np.ndarray, fractions: Sequence[float], random: np.random.Generator
) -> list[int]:
    """The split of each group."""
    totals: dict[int, int] = {}
    for labels in labels_of:
        for label, count in labels.items():
            totals[label] = totals.get(label, 0) + count
    open_splits = [split for split in range(len(SPLITS)) if fractions[split] > 0]
    held: list[dict[int, float]] = [{} for _ in SPLITS]
    share_of_rows = [0.0] * len(SPLITS)
    num_rows = float(sizes.sum())
    place = [-1] * len(labels_of)

    def cost(split: int, group: int) -> float:
        added = float(sizes[group]) / num_rows
        total = added * (2 * (share_of_rows[split] - fractions[split]) + added)
        for label, count in labels_of[group].items():
            part = count / totals[label]
            total += part * (2 * (held[split].get(label, 0.0) - fractions[split]) + part)
        return total

    order = np.lexsort((random.permutation(len(labels_of)), -sizes))
    for group in order.tolist():
        chosen = min(open_splits, key=lambda split: (cost(split, group), -fractions[split]))
        place[group] = chosen
        share_of_rows[chosen] += float(sizes[group]) / num_rows
        for label, count in labels_of[group].items():
            held[chosen][label] = held[chosen].get(label, 0.0) + count / totals[label]
    for split in open_splits:
        if split not in place:
            donor = max(open_splits, key=place.count)
            place[min((group for group in order.tolist() if place[group] == donor), key=lambda group: int(sizes[group]))] = split
    return place


def _cuts(moments: Sequence[datetime], fractions: Sequence[float], column: str) -> tuple[datetime, datetime]:
    """First time of validation and of test: where the proportions are reached, moved to the next different time."""
    distinct = sorted(set(moments))
    if len(distinct) < len(SPLITS):
        raise DatasetError(
            f"Column {column!r} has {counted(len(distinct), 'different time')}; a split by time needs at least 3. "
            "Choose another column, or use random splits."
        )
    number = len(moments)
    place_of = {moment: place for place, moment in enumerate(distinct)}
    first = place_of[moments[min(number - 1, round(fractions[0] * number))]]
    second = place_of[moments[min(number - 1, round((fractions[0] + fractions[1]) * number))]]
    first = min(max(first, 1), len(distinct) - 2)
    second = min(max(second, first + 1), len(distinct) - 1)
    return distinct[first], distinct[second]


def _day(moment: str) -> str:
    return moment[:10]
