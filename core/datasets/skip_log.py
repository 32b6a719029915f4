"""Records that a reader skipped, as many as a file may have, at the cost of their bytes rather than of an object each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, overload

import pyarrow

from core.tasks.skip_reasons import Reason, SkippedRecord

SCHEMA = pyarrow.schema(
    {
        "record": pyarrow.uint32(),
        "kind": pyarrow.large_string(),
        "detail": pyarrow.large_string(),
        "content": pyarrow.large_string(),
    }
)
_CHUNK = 1000
_LONGEST_CONTENT = 20_000
"""Characters of a skipped record, or of a cell of it, that are kept; one that is never closed may be as long as the file."""
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], "\ufffd")


class SkippedRecords(Sequence[SkippedRecord]):
    """Skipped records in the order of the file, made into objects one by one where they are looked at.

    Args:
        table: columns of ``SCHEMA``.
    """

    schema = SCHEMA

    def __init__(self, table: pyarrow.Table) -> None:
        self.table = table

    @classmethod
    def of(cls, entries: Iterable[SkippedRecord]) -> Self:
        """The same records, in the order of their numbers; of equal numbers the one that came first stays first."""
        if isinstance(entries, cls):
            return entries
        collecting = SkippedCollector()
        for entry in entries:
            collecting.append(entry)
        return cls(collecting.table().sort_by("record"))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, place: int) -> SkippedRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[SkippedRecord]: ...
    def __getitem__(self, place: int | slice) -> SkippedRecord | list[SkippedRecord]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        begin = place + (len(self) if place < 0 else 0)
        if not 0 <= begin < len(self):
            raise IndexError(place)
        return next(self._entries(self.table.slice(begin, 1)))

    def __iter__(self) -> Iterator[SkippedRecord]:
        for batch in self.table.to_batches(max_chunksize=_CHUNK):
            yield from self._entries(batch)

    def _entries(self, rows: Any) -> Iterator[SkippedRecord]:
        columns = [column.to_pylist() for column in rows.columns]
        for record, kind, detail, content in zip(*columns, strict=True):
            yield SkippedRecord(record, Reason(kind), detail, content=content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} skipped records>"


class SkippedCollector:
    """Takes in skipped records one after the other, and holds them as bytes."""

    def __init__(self) -> None:
        self._batches: list[pyarrow.RecordBatch] = []
        self._waiting: list[tuple[int, str, str, str | None]] = []

    def append(self, entry: SkippedRecord) -> None:
        """Take in a record; its content as far as it can be stored, and not endlessly long."""
        self._waiting.append((entry.record, entry.kind.value, entry.detail, _storable(entry.content)))
        if len(self._waiting) == _CHUNK:
            self._pack()

    def __len__(self) -> int:
        return len(self._waiting) + sum(int(batch.num_rows) for batch in self._batches)

    def __iter__(self) -> Iterator[SkippedRecord]:
        return iter(SkippedRecords(self.table()))

    def table(self) -> pyarrow.Table:
        """Everything that was taken in, with ``SCHEMA``, in that order."""
        self._pack()
        return pyarrow.Table.from_batches(self._batches, SCHEMA)

    def _pack(self) -> None:
        if self._waiting:
            columns = zip(zip(*self._waiting, strict=True), SCHEMA, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in columns]
            self._batches.append(pyarrow.RecordBatch.from_arrays(arrays, schema=SCHEMA))
            self._waiting = []


def shortened(content: str) -> str:
    """As much of a record, or of a cell, as a person needs to recognise it."""
    if len(content) <= _LONGEST_CONTENT:
        return content
    return f"{content[:_LONGEST_CONTENT]}… ({len(content):,} characters in all)"


def _storable(content: str | None) -> str | None:
    """What stands in the file, for a person to recognise it: without what cannot be written down, and not endlessly long."""
    if content is None:
        return None
    few = shortened(content)
    return few if few.isascii() and "\0" not in few else few.translate(_UNSTORABLE)
