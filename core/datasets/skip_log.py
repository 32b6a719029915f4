"""Log of skipped records: stored compactly as bytes, since a file may have millions of them."""

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
"""Most characters of a skipped record, or of one of its cells, that are kept; an unclosed quote may span the whole file."""
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], "\ufffd")


class SkippedRecords(Sequence[SkippedRecord]):
    """Skipped records in the order of the file; each becomes an object only when it is accessed.

    Args:
        table: columns of ``SCHEMA``.
    """

    schema = SCHEMA

    def __init__(self, table: pyarrow.Table) -> None:
        self.table = table

    @classmethod
    def of(cls, entries: Iterable[SkippedRecord]) -> Self:
        """The same records, sorted by number (stable)."""
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
    """Collects skipped records one by one and stores them as bytes."""

    def __init__(self) -> None:
        self._batches: list[pyarrow.RecordBatch] = []
        self._waiting: list[tuple[int, str, str, str | None]] = []

    def append(self, entry: SkippedRecord) -> None:
        """Add a record; its content is shortened and cleaned of characters that cannot be stored."""
        self._waiting.append((entry.record, entry.kind.value, entry.detail, _storable(entry.content)))
        if len(self._waiting) == _CHUNK:
            self._pack()

    def __len__(self) -> int:
        return len(self._waiting) + sum(int(batch.num_rows) for batch in self._batches)

    def __iter__(self) -> Iterator[SkippedRecord]:
        return iter(SkippedRecords(self.table()))

    def table(self) -> pyarrow.Table:
        """All added records, with ``SCHEMA``, in the same order."""
        self._pack()
        return pyarrow.Table.from_batches(self._batches, SCHEMA)

    def _pack(self) -> None:
        if self._waiting:
            columns = zip(zip(*self._waiting, strict=True), SCHEMA, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in columns]
            self._batches.append(pyarrow.RecordBatch.from_arrays(arrays, schema=SCHEMA))
            self._waiting = []


def shortened(content: str) -> str:
    """The beginning of a record or cell, enough to recognise it."""
    if len(content) <= _LONGEST_CONTENT:
        return content
    return f"{content[:_LONGEST_CONTENT]}… ({len(content):,} characters in all)"


def _storable(content: str | None) -> str | None:
    """The content of the record in the file, shortened and without characters that cannot be stored."""
    if content is None:
        return None
    few = shortened(content)
    return few if few.isascii() and "\0" not in few else few.translate(_UNSTORABLE)
