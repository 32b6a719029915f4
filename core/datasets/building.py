"""The last step of every reader: named columns and cells of text become a ``Table``."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from core.datasets.table import Table
from core.errors import InputFileError
from core.tasks.base import SetAside

_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_COLUMNS = 2000


def column_names(raw: Sequence[str | None]) -> tuple[list[str], list[str]]:
    """Distinct names for the columns, and notes about those that had none or shared one.

    Raises:
        InputFileError: there are more columns than any table of texts has.
    """
    if len(raw) > _MOST_COLUMNS:
        raise InputFileError(
            f"The file has {len(raw):,} columns; at most {_MOST_COLUMNS:,} can be read. Remove those not needed."
        )
    names: list[str] = []
    unnamed, doubled = [], []
    wanted = [_clean_name(name) for name in raw]
    for place, name in enumerate(wanted, start=1):
        distinct = name or f"column_{place}"
        number = 2
        while distinct in names or (distinct != name and distinct in wanted):
            distinct = f"{name or 'column'}_{number}"
            number += 1
        if not name:
            unnamed.append(distinct)
        elif distinct != name:
            doubled.append(distinct)
        names.append(distinct)
    notes = []
    if unnamed:
        notes.append(f"Columns without a name are called {', '.join(unnamed[:5])}{' …' if len(unnamed) > 5 else ''}.")
    if doubled:
        notes.append(
            f"Columns with the same name were told apart as {', '.join(map(repr, doubled[:5]))}"
            f"{' …' if len(doubled) > 5 else ''}."
        )
    return names, notes


def build_table(
    names: Sequence[str],
    records: Iterable[tuple[int, Sequence[str | None]]],
    *,
    file_name: str,
    file_format: str,
    reading: Mapping[str, Any],
    set_aside: Sequence[SetAside] = (),
    notes: Sequence[str] = (),
    lines: Mapping[int, int] | None = None,
) -> Table:
    """A ``Table`` of the records, leaving out those with characters that cannot be stored.

    Args:
        names: distinct column names.
        records: record number and one cell for each column; empty text counts as missing.
        file_name: for display.
        file_format: see ``Table.format``.
        reading: see ``Table``.
        set_aside: records the reader could not read.
        notes: what the reader repaired or assumed.
        lines: see ``Table``.
    """
    aside = list(set_aside)
    numbers: list[int] = []
    cells: list[list[str | None]] = []
    for record, values in records:
        if problem := _unstorable(names, values):
            aside.append(SetAside(record, problem))
        else:
            numbers.append(record)
            cells.append([value or None for value in values])
    columns = list(zip(*cells, strict=True)) if cells else [()] * len(names)
    rows = pd.DataFrame(dict(enumerate(columns)), index=numbers, dtype=object)
    rows.columns = list(names)
    return Table(
        rows=rows,
        file_name=file_name,
        format=file_format,
        reading=dict(reading),
        set_aside=sorted(aside, key=lambda entry: entry.record),
        notes=list(notes),
        lines=dict(lines or {}),
    )


def with_missing(table: Table, words: Sequence[str]) -> Table:
    """The table with cells that hold nothing but one of the words, such as ``NA``, counted as missing.

    Args:
        table: as it was read.
        words: what means a missing cell in this file, by the word of the person who knows it; capitals matter.
    """
    empty = frozenset(word.strip() for word in words if word.strip())
    if not empty:
        return table
    rows, found = table.rows.copy(deep=False), 0
    for place in range(rows.shape[1]):
        before = rows.iloc[:, place].tolist()
        after = [None if cell is not None and cell.strip() in empty else cell for cell in before]
        found += sum(old is not new for old, new in zip(before, after, strict=True))
        rows.isetitem(place, pd.Series(after, index=rows.index, dtype=object))
    shown = ", ".join(repr(word) for word in sorted(empty))
    note = f"{found:,} {'cell' if found == 1 else 'cells'} with {shown} {'was' if found == 1 else 'were'} read as missing."
    return replace(table, rows=rows, reading={**table.reading, "missing": sorted(empty)}, notes=[*table.notes, note])


def _unstorable(names: Sequence[str], values: Sequence[str | None]) -> str | None:
    for name, value in zip(names, values, strict=True):
        if value is None or (value.isascii() and "\x00" not in value):
            continue
        if "\x00" in value:
            return f"Column {name!r} holds a NUL character, a sign of a damaged file."
        if found := _SURROGATE.search(value):
            if "\udc80" <= found[0] <= "\udcff":
                return f"Column {name!r} holds bytes that are not valid in the file's encoding."
            return f"Column {name!r} holds half a character (the lone surrogate U+{ord(found[0]):04X}), which cannot be stored."
    return None


def _clean_name(name: str | None) -> str:
    return _SURROGATE.sub("\ufffd", name or "").replace("\x00", "").strip()
