"""CSV and similar formats: cells separated by commas, tabs, semicolons or vertical bars, with or without quotation marks."""

import csv
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from itertools import chain, islice
from operator import itemgetter
from typing import NoReturn

from core.datasets.columns.names import ID_NAMES, LABEL_NAMES, SPLIT_NAMES, TEXT_NAMES, name_score
from core.datasets.readers.build_table import build_table, column_names, listed_names
from core.datasets.readers.formats.csv_rows import OddRow, ParsedRows, parse_broken_rows, parse_rows, trimmed
from core.datasets.readers.formats.preamble_rows import num_title_lines, title_note
from core.datasets.readers.limits import DEFAULT_LIMITS, ReadingLimits
from core.datasets.readers.text.decode import Decoded
from core.datasets.table import RecordLines, Table
from core.errors import InputFileError
from core.progress import SILENT, Progress
from core.tasks.skip_reasons import Reason, SkippedRecord

DELIMITERS = ("\t", ",", ";", "|")
"""In order of preference: if two fit a file equally well, the one that is rarer in texts is used."""
ONE_COLUMN = "\x1f"
"""Means "no delimiter": a control character that does not occur in texts."""

_NAMED = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|"}
_SAMPLE_CHARACTERS = 200_000
_SAMPLE_ROWS = 200


def read_delimited(
    decoded: Decoded,
    *,
    file_name: str,
    delimiter: str | None,
    reading: Mapping[str, object],
    limits: ReadingLimits = DEFAULT_LIMITS,
    progress: Progress = SILENT,
) -> Table:
    """Read a delimited table.

    Args:
        decoded: the whole file.
        file_name: for display.
        delimiter: the user's choice, if any.
        reading: how the file was read so far.
        limits: the limits for the file.
        progress: called with the completed fraction and the current step.

    Raises:
        InputFileError: there is no header, no row below it, no row that fits the header, or the file exceeds the limits.
    """
    head = decoded.head(_SAMPLE_CHARACTERS)
    declared = _declared_delimiter(head)
    chosen = _chosen(delimiter) or declared
    num_above = 1 if declared is not None else num_title_lines(head, [chosen] if chosen is not None else DELIMITERS)
    lines_of_head = list(StringIO(head, newline=""))
    if chosen is None:
        chosen = _find_delimiter("".join(lines_of_head[num_above:]))
    titles = [] if declared is not None else [line.strip(f" \r\n{chosen}") for line in lines_of_head[:num_above]]
    parsed, quotes = _parse(decoded, chosen, num_above=num_above, limits=limits, progress=progress)
    if parsed is None:
        raise InputFileError(f"{file_name!r} is empty. Expected a first row with column names and rows below it.")
    progress(0.8, "Checking the rows")
    records: Sequence[int] = parsed.records
    columns, odd, lines = parsed.columns, parsed.odd, parsed.lines
    notes: list[str] = []
    if _is_data(parsed.first, columns):
        names, _ = column_names([None] * len(parsed.first))
        columns = [[cell, *column] for cell, column in zip(parsed.first, columns, strict=True)]
        records = [1, *(record + 1 for record in records)]
        odd = [replace(row, record=row.record + 1) for row in odd]
        lines = array("I", [parsed.first_line, *lines])
        notes.append(f"The first row looks like data, so the columns were named {listed_names(names)}.")
    else:
        names, notes = column_names(parsed.first)
    if not lines:
        raise InputFileError(
            f"{file_name!r} has a header ({listed_names(names)}) but no rows below it. Add rows, or choose another file."
        )
    if not quotes:
        notes.append("Quotation marks were read as part of the text, since they are not balanced around cells.")
    if titles:
        notes.append(title_note([title for title in titles if title]))
    if not records:
        _refuse(file_name, odd, len(names), chosen)
    how = {**reading, "delimiter": None if chosen == ONE_COLUMN else chosen, "quotes": quotes}
    return build_table(
        names,
        columns,
        records,
        file_name=file_name,
        file_format="csv",
        reading=how,
        set_aside=(_set_aside(row, len(names)) for row in odd),
        notes=notes,
        lines=RecordLines(lines),
    )


def _refuse(file_name: str, odd: Sequence[OddRow], width: int, delimiter: str) -> NoReturn:
    first = _set_aside(odd[0], width)
    if len(odd) == 1:
        raise InputFileError(f"The only row of {file_name!r} cannot be read. {first.reason}")
    if all(row.kind in (Reason.UNPAIRED_QUOTES, Reason.AFTER_UNPAIRED_QUOTES) for row in odd):
        raise InputFileError(f"No row of {file_name!r} can be read. The first error: {first.reason}")
    raise InputFileError(
        f"No row of {file_name!r} has as many cells as its header ({width}). If texts contain {_title(delimiter)}s, put them "
        "in quotation marks, or choose another delimiter."
    )


def _set_aside(row: OddRow, width: int) -> SkippedRecord:
    detail = "" if row.num_cells is None else _ragged(row.num_cells, width)
    return SkippedRecord(row.record, row.kind, detail, content=row.content)


def _chosen(delimiter: str | None) -> str | None:
    """The delimiter that the user chose, as a character or by name.

    Raises:
        InputFileError: it is not a single character, or cannot separate cells.
    """
    named = _NAMED.get((delimiter or "").casefold(), delimiter)
    if named and (len(named) > 1 or named in '"\r\n\x00'):
        raise InputFileError(f"{delimiter!r} is not a valid delimiter. Use one character such as ',' or ';', or tab.")
    return named or None


def _declared_delimiter(head: str) -> str | None:
    """The delimiter that Excel may declare in a first line such as ``sep=;``."""
    first = head.partition("\n")[0].rstrip("\r")
    return first[4] if len(first) == 5 and first.lower().startswith("sep=") else None


def _find_delimiter(text: str) -> str:
    """The delimiter that gives the most rows the width of the header; ties go to the one with more columns."""
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        parsed = parse_rows(islice(StringIO(text, newline=""), _SAMPLE_ROWS), delimiter, strict=False)
        if parsed is not None and len(parsed.first) > 1:
            fitting = (1 + len(parsed.records)) / (1 + len(parsed.lines))
            scores[delimiter] = (round(fitting, 1), len(parsed.first))
    return max(scores, key=lambda delimiter: scores[delimiter]) if scores else ONE_COLUMN


def _parse(
    decoded: Decoded, delimiter: str, *, num_above: int, limits: ReadingLimits, progress: Progress
) -> tuple[ParsedRows | None, bool]:
    """All rows, and whether quotation marks were read as quotes: always, unless that fails and reading them as text makes all
    rows fit.

    Args:
        decoded: the whole file.
        delimiter: separates the cells.
        num_above: lines above the header that are not part of the table; they are blanked, so that line numbers stay the same.
        limits: the limits for the file.
        progress: called with the completed fraction and the current step.
    """

    def lines(begin: float, end: float) -> Iterator[str]:
        read = decoded.lines(lambda share: progress(begin + (end - begin) * share, "Reading the file"))
        return chain(("\n" for _ in islice(read, num_above)), read)

    parsed = None
    try:
        parsed = parse_rows(lines(0.0, 0.7), delimiter, limits=limits)
        if parsed is None or not parsed.odd:
            return _without_empty_end(parsed), True
    except csv.Error:
        pass
    if b'"' in decoded.data:
        plain = parse_rows(lines(0.2, 0.7), delimiter, quotes=False, all_fit=True, limits=limits)
        if plain is not None and plain.records and not _is_quoted(plain.columns):
            return plain, False
    if parsed is None:
        parsed = parse_broken_rows(list(lines(0.3, 0.5)), delimiter, limits)
    return _without_empty_end(parsed), True


def _is_quoted(columns: Sequence[Sequence[str]]) -> bool:
    """Whether most cells with quotation marks have one at each end, so that they were meant as quotes."""
    marked = [cell for column in columns for cell in column if '"' in cell]
    return 2 * sum(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in marked) > len(marked)


def _is_data(first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether there is no header: the first row has a value that its column repeats, and no common column name."""
    known = TEXT_NAMES | LABEL_NAMES | ID_NAMES | SPLIT_NAMES
    if len(columns[0]) < 3 or any(name_score(cell, known) > 0.6 for cell in first) or not all(cell.strip() for cell in first):
        return False
    for cell, column in zip(first, columns, strict=True):
        values = Counter(column[:1000])
        if values[cell] > 1 and len(values) < 0.5 * values.total():
            return True
    return False


def _without_empty_end(parsed: ParsedRows | None) -> ParsedRows | None:
    """The rows without trailing columns that have neither a name nor a value, caused by delimiters at line ends."""
    if parsed is None or parsed.first[-1].strip():
        return parsed
    first = trimmed(parsed.first, 1)
    width = len(first)
    odd_cells = chain.from_iterable(row.cells[width:] for row in parsed.odd)
    beyond = chain(chain.from_iterable(parsed.columns[width:]), odd_cells)
    if any(cell.strip() for cell in beyond):
        return parsed
    fitting, odd = [], []
    for row in parsed.odd:
        cells = trimmed(row.cells, width)
        if row.num_cells is not None and len(cells) == width:
            fitting.append((row.record, *cells))
        else:
            odd.append(row if row.num_cells is None else OddRow.of(row.record, cells))
    if not fitting:
        return replace(parsed, first=first, columns=parsed.columns[:width], odd=odd)
    rows = [*zip(parsed.records, *parsed.columns[:width], strict=True), *fitting]
    rows.sort(key=itemgetter(0))
    records, *columns = map(list, zip(*rows, strict=True))
    return ParsedRows(first, parsed.first_line, columns, array("I", records), parsed.lines, odd, parsed.limits)


def _ragged(found: int, expected: int) -> str:
    more = "more" if found > expected else "fewer"
    return f"{found} cells where the header has {expected}: {more} than expected, so the columns cannot be assigned."


def _title(delimiter: str) -> str:
    return {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}.get(delimiter, "delimiter")
