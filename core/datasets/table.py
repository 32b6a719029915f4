"""A table as it was read from a file, before anybody decided what its columns mean."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.tasks.skip_reasons import SkippedRecord


class RecordLines(Mapping[int, int]):
    """Record number -> line of the file on which the record begins; four bytes a record.

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
    """Every cell as text, and how it was read.

    Attributes:
        rows: cells are ``str`` or ``None`` (dtype ``object``, or ``TextDtype`` where they lie in a mapped file); nested JSON
            values as JSON text. Index: record numbers from 1.
        file_name: name of the uploaded file, for display only.
        format: one of ``file_types.TITLES``.
        reading: how it was read: encoding, delimiter, sheet … whatever applies to the format.
        set_aside: records that could not be read; they are not in ``rows``.
        notes: what was assumed or repaired, in plain sentences.
        lines: record number -> line of the file (row of the sheet) where it begins, for formats that have lines.
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
        """How many records the file has: those in ``rows`` and those set aside."""
        return len(self.rows) + len(self.set_aside)
