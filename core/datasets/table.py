"""A table as read from a file, before its columns have roles."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.tasks.skip_reasons import SkippedRecord


class RecordLines(Mapping[int, int]):
    """Record number -> line of the file on which the record begins; 4 bytes per record.

    Args:
        lines: lines of the records 1, 2, 3 …, each from 1; 0 for a record without one.
    """

    def __init__(self, lines: Iterable[int] = ()) -> None:
        self.numbers = lines if isinstance(lines, array) else array("I", lines)

    def __getitem__(self, record: int) -> int:
        if 0 < record <= len(self.numbers) and (line := self.numbers[record - 1]):
            return line
        raise KeyError(record)

    def __iter__(self) -> Iterator[int]:
        return (record for record, line in enumerate(self.numbers, start=1) if line)

    def __len__(self) -> int:
        return sum(line > 0 for line in self.numbers)


@dataclass(frozen=True, kw_only=True)
class Table:
    """All cells as text, and how the file was read.

    Attributes:
        rows: cells are ``str`` or ``None`` (dtype ``object``, or ``TextDtype`` in a memory-mapped file); nested JSON
            values as JSON text. Index: record numbers from 1.
        file_name: name of the uploaded file, for display only.
        format: one of ``file_types.TITLES``.
        reading: how it was read: encoding, delimiter, sheet … as applicable to the format.
        set_aside: skipped records that could not be read; they are not in ``rows``.
        notes: assumptions and repairs, as full sentences.
        lines: record number -> line of the file (row of the sheet) where it begins, for formats with lines.
    """

    rows: pd.DataFrame
    file_name: str
    format: str
    reading: dict[str, Any] = field(default_factory=dict)
    set_aside: Sequence[SkippedRecord] = ()
    notes: list[str] = field(default_factory=list)
    lines: Mapping[int, int] = field(default_factory=dict)

    @property
    def num_records(self) -> int:
        """Number of records in the file: those in ``rows`` and the skipped ones."""
        return len(self.rows) + len(self.set_aside)
