"""The last step of every reader: creates a ``Table`` from named columns and text cells."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from core.datasets.readers.limits import check_num_columns
from core.datasets.skip_log import SkippedRecords
from core.datasets.table import Table
from core.files.text_patterns import LONE_SURROGATE
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.text_format import short

_LONGEST_NAME = 200
"""Maximum length of a column name; longer ones are texts in the place of a header."""
_CHUNK = 10_000


def column_names(raw: Sequence[str | None]) -> tuple[list[str], list[str]]:
    """Unique names for the columns, and notes about missing and duplicate names.

    Raises:
        InputFileError: there are too many columns.
    """
    check_num_columns(len(raw))
    names: list[str] = []
    unnamed, doubled, cut = [], [], []
    wanted = [_clean_name(name) for name in raw]
    reserved, taken = set(wanted), set[str]()
    next_number: dict[str, int] = {}
    for place, name in enumerate(wanted, start=1):
        distinct = name or f"column_{place}"
        number = next_number.get(name, 2)
        while distinct in taken or (distinct != name and distinct in reserved):
            distinct = f"{name or 'column'}_{number}"
            number += 1
        next_number[name] = number
        if not name:
            unnamed.append(distinct)
        elif distinct != name:
            doubled.append(distinct)
        elif len(name) > _LONGEST_NAME:
            cut.append(distinct)
        names.append(distinct)
        taken.add(distinct)
    notes = []
    if unnamed:
        notes.append(f"Columns without a name were named {listed_names(unnamed)}{' …' if len(unnamed) > 5 else ''}.")
    if doubled:
        notes.append(
            f"Columns with the same name were renamed to {', '.join(map(short, doubled[:5]))}{' …' if len(doubled) > 5 else ''}."
        )
    if cut:
        notes.append(f"Column names of more than {_LONGEST_NAME} characters were shortened: {', '.join(map(short, cut[:5]))}.")
    return names, notes


def listed_names(names: Sequence[str]) -> str:
    """The first few column names for a message, each shortened."""
    return ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in names[:5])


def build_table(
    names: Sequence[str],
    columns: Sequence[Sequence[str | None]],
    records: Sequence[int],
    *,
    file_name: str,
    file_format: str,
    reading: Mapping[str, Any],
    set_aside: Iterable[SkippedRecord] = (),
    notes: Sequence[str] = (),
    lines: Mapping[int, int] | None = None,
) -> Table:
    """A ``Table`` of the records, without those with characters that cannot be stored.

    Args:
        names: unique column names.
        columns: the cells of each column; empty text counts as missing.
        records: record number of each row, ascending.
        file_name: for display.
        file_format: see ``Table.format``.
        reading: see ``Table``.
        set_aside: records the reader could not read.
        notes: repairs and assumptions of the reader.
        lines: see ``Table``.
    """
    problems = _problems(names, columns)
    aside = SkippedRecords.of(chain(set_aside, _unstorable_rows(problems, columns, records)))
    if problems:
        sound = [place for place in range(len(records)) if place not in problems]
        columns = [[column[place] for place in sound] for column in columns]
        records = [records[place] for place in sound]
    rows = pd.DataFrame({place: _as_objects(column) for place, column in enumerate(columns)}, index=_index(records), dtype=object)
    rows.columns = list(names)
    return Table(
        rows=rows,
        file_name=file_name,
        format=file_format,
        reading=dict(reading),
        set_aside=aside,
        notes=list(notes),
        lines={} if lines is None else lines,
    )


def _unstorable_rows(
    problems: Mapping[int, tuple[Reason, str]], columns: Sequence[Sequence[str | None]], records: Sequence[int]
) -> Iterator[SkippedRecord]:
    for place, (kind, detail) in problems.items():
        content = json.dumps([column[place] for column in columns], ensure_ascii=False)
        yield SkippedRecord(records[place], kind, detail, content=content)


def _as_objects(column: Sequence[str | None]) -> np.ndarray:
    """Cells as an array, empty ones as ``None``."""
    cells = np.empty(len(column), dtype=object)
    cells[:] = [cell or None for cell in column]
    return cells


def _index(records: Sequence[int]) -> pd.Index:
    """The record numbers; a range if none is missing."""
    if len(records) and records[-1] == records[0] + len(records) - 1:
        return pd.RangeIndex(records[0], records[-1] + 1)
    index: pd.Index = pd.Index(np.asarray(records, dtype="int64"))
    return index


def with_missing(table: Table, words: Sequence[str]) -> Table:
    """The table with cells that consist of a missing-value marker, such as ``NA``, treated as missing.

    Args:
        table: as it was read.
        words: the user's missing-value markers for this file; case-sensitive.
    """
    empty = frozenset(word.strip() for word in words if word.strip())
    if not empty:
        return table
    columns: dict[int, np.ndarray] = {}
    found = 0
    for place in range(table.rows.shape[1]):
        before = table.rows.iloc[:, place].tolist()
        columns[place] = _as_objects([None if cell is not None and cell.strip() in empty else cell for cell in before])
        found += sum(old is not new for old, new in zip(before, columns[place], strict=True))
    rows = pd.DataFrame(columns, index=table.rows.index, dtype=object)
    rows.columns = table.rows.columns
    shown = ", ".join(repr(word) for word in sorted(empty))
    note = f"{found:,} {'cell' if found == 1 else 'cells'} with {shown} {'was' if found == 1 else 'were'} read as missing."
    return replace(table, rows=rows, reading={**table.reading, "missing": sorted(empty)}, notes=[*table.notes, note])


def _problems(names: Sequence[str], columns: Sequence[Sequence[str | None]]) -> dict[int, tuple[Reason, str]]:
    """Position of a row -> why one of its cells cannot be stored."""
    problems: dict[int, tuple[Reason, str]] = {}
    for name, column in zip(names, columns, strict=True):
        for begin in range(0, len(column), _CHUNK):
            cells = column[begin : begin + _CHUNK]
            if not _is_storable("".join(filter(None, cells))):
                for place, cell in enumerate(cells, start=begin):
                    if cell and not _is_storable(cell):
                        problems.setdefault(place, _unstorable(name, cell))
    return problems


def _is_storable(text: str) -> bool:
    if "\x00" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _unstorable(name: str, cell: str) -> tuple[Reason, str]:
    if "\x00" in cell:
        return Reason.NUL_CHARACTER, f"Column {name!r} contains a NUL character, which indicates a damaged file."
    found = LONE_SURROGATE.search(cell)
    assert found is not None
    if "\udc00" <= found[0] <= "\udcff":
        return Reason.WRONG_BYTES, f"Column {name!r} contains bytes that are not valid in the file's encoding."
    detail = f"Column {name!r} contains an incomplete character (lone surrogate U+{ord(found[0]):04X}), which cannot be stored."
    return Reason.HALF_CHARACTER, detail


def _clean_name(name: str | None) -> str:
    few = (name or "").strip()[: _LONGEST_NAME + 1]
    cleaned = LONE_SURROGATE.sub("\ufffd", few).replace("\x00", "").strip()
    return cleaned if len(cleaned) <= _LONGEST_NAME else f"{cleaned[:_LONGEST_NAME]}…"
