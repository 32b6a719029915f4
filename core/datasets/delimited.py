"""CSV and its relatives: cells separated by commas, tabs, semicolons or bars, with or without quotation marks."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from core.datasets.building import build_table, column_names
from core.datasets.table import Table
from core.errors import InputFileError
from core.tasks.base import SetAside
from core.tasks.columns.names import ID_NAMES, LABEL_NAMES, SPLIT_NAMES, TEXT_NAMES, name_score

DELIMITERS = ("\t", ",", ";", "|")
"""Where two fit a file equally well, the one that texts hold less often comes first."""
ONE_COLUMN = "\x1f"
"""Stands for "no delimiter": a control character made for this, which no text holds."""

_UNCLOSED = "A quotation mark that opens in this row is never closed, so the rest of the file is one cell. Close or double it."
_SAMPLE_CHARACTERS = 200_000
_SAMPLE_ROWS = 200


@dataclass(frozen=True)
class _Row:
    """Cells of one row and the line it begins on."""

    cells: list[str]
    line: int


@dataclass(frozen=True)
class _Parsed:
    """All rows; whether quotation marks are quotes, and whether the last of them is never closed."""

    rows: list[_Row]
    quotes: bool = True
    unclosed: bool = False


def read_delimited(text: str, *, file_name: str, delimiter: str | None, reading: dict[str, object]) -> Table:
    """Read a delimited table.

    Args:
        text: the whole file.
        file_name: for display; an ending of ``.tsv`` speaks for tabs.
        delimiter: what the person chose, if anything.
        reading: what is known so far of how the file was read.

    Raises:
        InputFileError: there is no header, no row below it, or no row that fits the header.
    """
    delimiter = _chosen(delimiter)
    text, declared = _without_declaration(text)
    chosen = delimiter or declared or _find_delimiter(text[:_SAMPLE_CHARACTERS])
    parsed = _parse(text, chosen)
    rows = parsed.rows
    first = next((row for row in rows if any(cell.strip() for cell in row.cells)), None)
    if first is None:
        raise InputFileError(f"{file_name!r} is empty. Expected a first row with column names and rows below it.")
    body = [row for row in rows if row.line > first.line and row.cells]
    first = _without_empty_end(first, body)
    notes: list[str] = []
    if _is_data(first.cells, body):
        names, _ = column_names([None] * len(first.cells))
        body = [first, *body]
        notes.append(f"The first row looks like data, so the columns were called {', '.join(names[:5])}.")
    else:
        names, notes = column_names(first.cells)
    if not body:
        raise InputFileError(
            f"{file_name!r} has a header ({', '.join(names[:5])}) but no rows below it. Add rows, or choose another file."
        )
    if not parsed.quotes:
        notes.append("Quotation marks are read as part of the text, since they do not pair up as quotes around cells.")

    kept, set_aside = [], []
    for record, row in enumerate(body, start=1):
        cells = row.cells
        while len(cells) > len(names) and not cells[-1].strip():
            cells = cells[:-1]
        if parsed.unclosed and record == len(body):
            set_aside.append(SetAside(record, _UNCLOSED))
        elif len(cells) == len(names):
            kept.append((record, cells))
        else:
            set_aside.append(SetAside(record, _ragged(len(cells), len(names))))
    if not kept and len(set_aside) == 1:
        raise InputFileError(f"The only row of {file_name!r} cannot be read. {set_aside[0].reason}")
    if not kept:
        raise InputFileError(
            f"No row of {file_name!r} has as many cells as its header ({len(names)}). If texts hold {_title(chosen)}s, put them "
            "in quotation marks, or choose another delimiter."
        )
    lines = {record: row.line for record, row in enumerate(body, start=1)}
    how = {**reading, "delimiter": None if chosen == ONE_COLUMN else chosen, "quotes": parsed.quotes}
    return build_table(
        names, kept, file_name=file_name, file_format="csv", reading=how, set_aside=set_aside, notes=notes, lines=lines
    )


def _chosen(delimiter: str | None) -> str | None:
    """The delimiter a person chose, also where a shell made it hard to type.

    Raises:
        InputFileError: it is not one character, or one that cannot part cells.
    """
    named = {"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter)
    if named and (len(named) > 1 or named in '"\r\n\x00'):
        raise InputFileError(f"{delimiter!r} cannot part cells. Give one character such as a comma, semicolon or tab.")
    return named or None


def _without_declaration(text: str) -> tuple[str, str | None]:
    """Excel may begin a file with a line such as ``sep=;``; it becomes an empty line, so that line numbers stay."""
    head, _, _ = text.partition("\n")
    if head.lower().startswith("sep=") and len(head.rstrip("\r")) == 5:
        return text[len(head) :], head[4]
    return text, None


def _find_delimiter(text: str) -> str:
    """The delimiter that gives the most rows the width of the header; among equals the one that gives more columns."""
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        rows = []
        for row in _rows(text, delimiter):
            if row.cells:
                rows.append(row.cells)
            if len(rows) == _SAMPLE_ROWS:
                break
        if rows and len(rows[0]) > 1:
            fitting = sum(len(cells) == len(rows[0]) for cells in rows) / len(rows)
            scores[delimiter] = (round(fitting, 1), len(rows[0]))
    return max(scores, key=lambda delimiter: scores[delimiter]) if scores else ONE_COLUMN


def _parse(text: str, delimiter: str) -> _Parsed:
    """All rows, with quotation marks read as quotes unless that fails and reading them as text makes all rows fit."""
    unclosed = False
    try:
        rows = list(_rows(text, delimiter, strict=True))
        if not _misfits(rows):
            return _Parsed(rows)
    except csv.Error as error:
        unclosed = "end of data" in str(error)
        rows = list(_rows(text, delimiter))
    if '"' in text:
        plain = list(_rows(text, delimiter, quotes=False))
        if not _misfits(plain) and len(plain) > 1:
            return _Parsed(plain, quotes=False)
    return _Parsed(rows, unclosed=unclosed)


def _rows(text: str, delimiter: str, *, quotes: bool = True, strict: bool = False) -> Iterator[_Row]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    lines = StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE, strict=strict)
    line = 1
    for cells in reader:
        yield _Row(cells, line)
        line = reader.line_num + 1


def _misfits(rows: list[_Row]) -> int:
    widths = Counter(len(row.cells) for row in rows if row.cells)
    header = next((len(row.cells) for row in rows if row.cells), 0)
    return sum(widths.values()) - widths[header]


def _is_data(first: list[str], body: list[_Row]) -> bool:
    """Whether there is no header: the first row has a value that its column repeats, and no usual column name."""
    known = TEXT_NAMES | LABEL_NAMES | ID_NAMES | SPLIT_NAMES
    if len(body) < 3 or any(name_score(cell, known) > 0.6 for cell in first) or not all(cell.strip() for cell in first):
        return False
    sample = [row.cells for row in body[:1000] if len(row.cells) == len(first)]
    for place, cell in enumerate(first):
        values = Counter(cells[place] for cells in sample)
        if values[cell] > 1 and len(values) < 0.5 * len(sample):
            return True
    return False


def _without_empty_end(header: _Row, body: list[_Row]) -> _Row:
    """The header without columns at its end that have neither a name nor a value, as delimiters at line ends make them."""
    width = len(header.cells)
    while width > 1 and not header.cells[width - 1].strip():
        width -= 1
    if any(cell.strip() for row in body for cell in row.cells[width:]):
        return header
    return _Row(header.cells[:width], header.line)


def _ragged(found: int, expected: int) -> str:
    more = "more" if found > expected else "fewer"
    return f"{found} cells where the header has {expected}: {more} than expected, so it is unclear which belongs where."


def _title(delimiter: str) -> str:
    return {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}.get(delimiter, "delimiter")
