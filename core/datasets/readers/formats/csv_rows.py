"""Parses the rows of a delimited file into columns of cells: fast for valid files, line by line for unbalanced quotation marks.

The reader does not guess: a row with more or fewer cells than the header, and a line with unbalanced quotation marks, is
skipped and recorded with its line number. After such a line, reading resumes only where a row certainly begins.
"""

import csv
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.datasets.readers.limits import DEFAULT_LIMITS, ReadingLimits, check_num_columns
from core.tasks.skip_reasons import Reason

if TYPE_CHECKING:
    import _csv

_CHUNK = 200
"""Rows held as lists at a time: fewer than the number of new objects (700) that triggers Python's garbage collection, which would
take longer than the reading."""
_LONGEST_CELL = 2**31 - 1
_TELLING_ROWS = 20_000
_FEW_VALUES = 0.5
"""Equal cells of a column share one string, unless more than this share of the first rows are distinct."""


@dataclass(frozen=True, slots=True)
class OddRow:
    """A record that is not a valid row. A file may have millions of them, so each is stored as a text, not as a list of cells.

    Attributes:
        record: number of the record, from 1.
        content: its cells as JSON if it could be split into cells, else the raw line.
        num_cells: number of cells; ``None`` if quotation marks are unbalanced.
        kind: the skip reason.
    """

    record: int
    content: str
    num_cells: int | None = None
    kind: Reason = Reason.RAGGED_ROW

    @classmethod
    def of(cls, record: int, cells: Sequence[str]) -> "OddRow":
        """A record with more or fewer cells than the first."""
        return cls(record, json.dumps(cells, ensure_ascii=False), len(cells))

    @property
    def cells(self) -> list[str]:
        """The cells; empty if it could not be split into cells."""
        found: list[str] = [] if self.num_cells is None else json.loads(self.content)
        return found


@dataclass
class ParsedRows:
    """All rows of a file below its first row.

    Attributes:
        first: cells of the first non-empty row.
        first_line: its line number.
        columns: cells of the rows with the same width as the first, by column.
        records: their record numbers, counted from the row after the first.
        lines: line on which each record begins, invalid records included.
        odd: records that are not in ``columns``.
        limits: the limits for the file; checked every few rows.
    """

    first: list[str]
    first_line: int
    columns: list[list[str]]
    records: "array[int]" = field(default_factory=lambda: array("I"))
    lines: "array[int]" = field(default_factory=lambda: array("I"))
    odd: list[OddRow] = field(default_factory=list)
    limits: ReadingLimits = DEFAULT_LIMITS
    _shared: list[dict[str, str] | None] = field(default_factory=list, repr=False)

    def add(self, rows: Sequence[list[str]], lines: Sequence[int]) -> None:
        """Add rows; those without any cell are blank lines between records.

        Raises:
            InputFileError: there are more rows than the limits allow.
        """
        width = len(self.first)
        widths = set(map(len, rows))
        if 0 in widths:
            filled = [place for place, cells in enumerate(rows) if cells]
            rows, lines = [rows[place] for place in filled], [lines[place] for place in filled]
            widths.remove(0)
        first_record = len(self.lines) + 1
        self.lines.extend(lines)
        self._check()
        records: Iterable[int] = range(first_record, first_record + len(rows))
        if widths - {width}:
            fitting = [trimmed(cells, width) for cells in rows]
            numbered = list(enumerate(fitting, start=first_record))
            self.odd += [OddRow.of(record, cells) for record, cells in numbered if len(cells) != width]
            records = [record for record, cells in numbered if len(cells) == width]
            rows = [fitting[record - first_record] for record in records]
        if rows:
            self.records.extend(records)
            self._extend_columns(rows)

    def add_odd(self, line: int, content: str, kind: Reason) -> None:
        """Add a line that is not a valid row."""
        self.lines.append(line)
        self._check()
        self.odd.append(OddRow(len(self.lines), content, kind=kind))

    def _check(self) -> None:
        self.limits.check_rows(len(self.lines))
        self.limits.check_cells(len(self.lines), len(self.first))

    def _extend_columns(self, rows: Sequence[list[str]]) -> None:
        if not self._shared:
            self._shared = [{} for _ in self.first]
        for place, (column, cells) in enumerate(zip(self.columns, zip(*rows, strict=True), strict=True)):
            shared = self._shared[place]
            if shared is None:
                column.extend(cells)
                continue
            column.extend(map(shared.setdefault, cells, cells))
            if len(column) >= _TELLING_ROWS and len(shared) > _FEW_VALUES * len(column):
                self._shared[place] = None


def parse_rows(
    lines: Iterable[str],
    delimiter: str,
    *,
    quotes: bool = True,
    strict: bool = True,
    all_fit: bool = False,
    limits: ReadingLimits = DEFAULT_LIMITS,
) -> ParsedRows | None:
    """Every row in one pass.

    Args:
        lines: of the file, with their ends.
        delimiter: separates the cells.
        quotes: whether quotation marks enclose cells; otherwise they are part of the text.
        strict: whether unbalanced quotation marks are an error; otherwise they are part of the text.
        all_fit: whether to stop at a row that is wider or narrower than the first.
        limits: the limits for the file.

    Returns:
        ``None`` if the file is empty, or if all rows had to fit and one does not.

    Raises:
        csv.Error: quotation marks are unbalanced.
        InputFileError: the file is larger than the limits allow.
    """
    reader = _reader(lines, delimiter, quotes=quotes, strict=strict)
    begin = 1
    for first in reader:
        if any(cell.strip() for cell in first):
            break
        begin = reader.line_num + 1
    else:
        return None
    check_num_columns(len(trimmed(first, 1)))
    parsed = ParsedRows(first, begin, [[] for _ in first], limits=limits)
    begin = reader.line_num + 1
    rows: list[list[str]] = []
    begins: list[int] = []
    for cells in reader:
        rows.append(cells)
        begins.append(begin)
        begin = reader.line_num + 1
        if len(rows) == _CHUNK:
            parsed.add(rows, begins)
            rows, begins = [], []
            if all_fit and parsed.odd:
                return None
    parsed.add(rows, begins)
    return None if all_fit and parsed.odd else parsed


def parse_broken_rows(
    lines: list[str],
    delimiter: str,
    limits: ReadingLimits = DEFAULT_LIMITS,
) -> ParsedRows | None:
    """Rows of a file in which some quotation marks are unbalanced.

    A line with unbalanced quotation marks is skipped. The record after it counts as a row only if it is as wide as the header and
    has an even number of quotation marks, since otherwise it may be the rest of the broken line.

    Args:
        lines: all lines of the file, with their ends.
        delimiter: separates the cells.
        limits: the limits for the file.

    Raises:
        InputFileError: the file is larger than the limits allow.
    """
    records = _Records(lines, delimiter)
    parsed: ParsedRows | None = None
    doubtful = False
    rows: list[list[str]] = []
    begins: list[int] = []

    def add_odd(line: int, kind: Reason) -> None:
        add_rows()
        assert parsed is not None
        parsed.add_odd(line + 1, lines[line].rstrip("\r\n"), kind)

    def add_rows() -> None:
        if parsed is not None:
            parsed.add(rows, begins)
        rows.clear()
        begins.clear()

    for line, cells, num_lines in records:
        if parsed is None:
            if cells is None:
                cells = lines[line].rstrip("\r\n").split(delimiter)
            if any(cell.strip() for cell in cells):
                check_num_columns(len(trimmed(cells, 1)))
                parsed = ParsedRows(cells, line + 1, [[] for _ in cells], limits=limits)
        elif cells is None:
            add_odd(line, Reason.UNPAIRED_QUOTES)
            doubtful = True
        elif not cells:
            continue
        elif doubtful and not _stands_alone(cells, lines[line : line + num_lines], len(parsed.first)):
            add_odd(line, Reason.AFTER_UNPAIRED_QUOTES)
            records.go_to(line + 1)
        else:
            rows.append(cells)
            begins.append(line + 1)
            doubtful = False
            if len(rows) == _CHUNK:
                add_rows()
    add_rows()
    return parsed


def trimmed(cells: list[str], width: int) -> list[str]:
    """Cells without empty ones at the end that exceed a width."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells if end == len(cells) else cells[:end]


class _Records:
    """Index of the first line, cells (``None`` if quotation marks are unbalanced) and number of lines of each record.

    Reading on after an unbalanced quotation mark may go to the end of the file and back for every line; once that has cost more
    than reading the whole file a few times, each remaining line is taken as a record of its own.
    """

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._next = 0
        self._moved = False
        self._spent = 0
        self._allowed = 5 * len(lines) + 1000

    def go_to(self, line: int) -> None:
        """Continue with the record that begins on this line."""
        self._next, self._moved = line, True

    def __iter__(self) -> Iterator[tuple[int, list[str] | None, int]]:
        while (base := self._next) < len(self._lines):
            single = self._spent > self._allowed
            feed = iter(self._lines[base : base + 1]) if single else self._from(base)
            reader = _reader(feed, self._delimiter, quotes=True, strict=True)
            self._moved = False
            try:
                for cells in reader:
                    begin, self._next = self._next, base + reader.line_num
                    self._spent += self._next - begin
                    yield begin, cells, self._next - begin
                    if self._moved:
                        break
            except csv.Error:
                begin, self._next = self._next, self._next + 1
                self._spent += base + reader.line_num - begin
                yield begin, None, 1

    def _from(self, place: int) -> Iterator[str]:
        while place < len(self._lines):
            yield self._lines[place]
            place += 1


def _stands_alone(cells: Sequence[str], raw: Sequence[str], width: int) -> bool:
    return len(cells) == width and sum(line.count('"') for line in raw) % 2 == 0


def _reader(lines: Iterable[str], delimiter: str, *, quotes: bool, strict: bool) -> "_csv.Reader":
    csv.field_size_limit(_LONGEST_CELL)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE, strict=strict)
