"""Rows above the header of a table, as in many spreadsheets: a title, a date, an author."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from itertools import islice, takewhile

from core.datasets.columns.names import ID_NAMES, LABEL_NAMES, SPLIT_NAMES, TEXT_NAMES, name_score
from core.datasets.readers.raw_table import RawTable

_MOST = 5
_LOOKED_AT = 20
_LONGEST_LINE = 100_000
"""Default field size limit of the csv module."""
_USUAL = TEXT_NAMES | LABEL_NAMES


def num_title_rows(rows: Sequence[Sequence[str | None]]) -> int:
    """How many rows are above the header.

    A title is a single cell that is not a common column name, above a row with several names, one of them common for a text or a
    label, followed by another row of the same width. Otherwise no row counts as a title.

    Args:
        rows: the first non-empty rows.
    """
    for place, cells in enumerate(rows[: _MOST + 1]):
        filled = [cell.strip() for cell in cells if cell and cell.strip()]
        if len(filled) > 1:
            is_header = any(name_score(cell, _USUAL) >= 0.7 for cell in filled)
            goes_on = len(rows) > place + 1 and len(rows[place + 1]) == len(cells) and _num_filled(rows[place + 1]) > 1
            return place if is_header and goes_on else 0
        if any(name_score(cell, _USUAL | ID_NAMES | SPLIT_NAMES) == 1.0 for cell in filled):
            return 0
    return 0


def _num_filled(cells: Sequence[str | None]) -> int:
    return sum(bool(cell and cell.strip()) for cell in cells)


def num_title_lines(head: str, delimiters: Sequence[str]) -> int:
    """How many lines of a delimited file are above its header, empty ones included.

    Args:
        head: the beginning of the file.
        delimiters: the possible delimiters.
    """
    few = islice(StringIO(head, newline=""), _LOOKED_AT)
    lines = list(takewhile(lambda line: len(line) < _LONGEST_LINE, few))
    for delimiter in delimiters:
        parsed = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
        places = [place for place, cells in enumerate(parsed) if any(cell.strip() for cell in cells)]
        if number := num_title_rows([parsed[place] for place in places]):
            return places[number]
    return 0


def without_titles(raw: RawTable) -> RawTable:
    """A sheet whose first row was read as its header, with the rows above the real header removed."""
    first = [[column[place] for column in raw.columns] for place in range(min(_LOOKED_AT, raw.num_records))]
    rows = [raw.names, *first]
    number = num_title_rows(rows)
    if not number:
        return raw
    titles = [next(cell for cell in cells if cell) for cells in rows[:number]]
    return replace(
        raw,
        names=list(rows[number]),
        columns=[column[number:] for column in raw.columns],
        lines=raw.lines[number:],
        notes=[*raw.notes, title_note(titles)],
    )


def title_note(titles: Sequence[str]) -> str:
    """The note about rows that were read as a title.

    Args:
        titles: their contents.
    """
    shown = ", ".join(repr(title if len(title) <= 60 else f"{title[:59]}…") for title in titles)
    return f"Title above the header skipped: {shown}."
