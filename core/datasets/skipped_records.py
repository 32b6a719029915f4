"""Skipped records of a data set: their place in the file, the reason, and their content."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self

import pandas as pd
import pyarrow
import pyarrow.compute

from core.datasets.skip_log import SkippedRecords, shortened
from core.datasets.table import Table
from core.tasks.skip_reasons import Reason, SkippedRecord

_CHUNK = 1000
COLUMNS = ("part", "file", "record", "line", "kind", "reason", "content")


@dataclass(frozen=True, slots=True)
class SkippedFileRecord(SkippedRecord):
    """A skipped record and its place in the file.

    Attributes:
        part: ``main``, ``validation`` or ``test``: the table it was read from.
        file_name: of that table, for display.
        line: line of the file (row of the sheet) where it begins, for formats with lines.
    """

    part: str = "main"
    file_name: str = ""
    line: int | None = None


def with_contents(entries: Sequence[SkippedFileRecord], tables: Mapping[str, Table]) -> list[SkippedFileRecord]:
    """The entries; those that are a row of their table get its cells as JSON by column, with very long cells shortened."""
    contents: dict[tuple[str, int], str] = {}
    for part, table in tables.items():
        records = pd.Index([entry.record for entry in entries if entry.part == part and entry.content is None])
        rows = table.rows.loc[records.intersection(table.rows.index)]
        names = [str(name) for name in rows.columns]
        for record, *cells in rows.itertuples(name=None):
            filled = {name: shortened(cell) for name, cell in zip(names, cells, strict=True) if isinstance(cell, str)}
            contents[part, record] = json.dumps(filled, ensure_ascii=False)
    return [
        entry if entry.content is not None else replace(entry, content=contents.get((entry.part, entry.record)))
        for entry in entries
    ]


class LocatedRecords(SkippedRecords):
    """Skipped records with their places, stored compactly as bytes.

    Args:
        table: columns of ``schema``.
    """

    schema = pyarrow.schema(
        [
            *SkippedRecords.schema,
            pyarrow.field("part", pyarrow.large_string()),
            pyarrow.field("file", pyarrow.large_string()),
            pyarrow.field("line", pyarrow.uint32()),
        ]
    )

    @classmethod
    def of(cls, entries: Iterable[SkippedRecord]) -> Self:
        """The same records, in the same order."""
        if isinstance(entries, cls):
            return entries
        batches, waiting = [], iter(entries)
        while few := list(islice(waiting, _CHUNK)):
            rows = [(*_cells_of(entry), entry.content) for entry in few if isinstance(entry, SkippedFileRecord)]
            part, file, record, line, kind, detail, content = zip(*rows, strict=True)
            columns = zip((record, kind, detail, content, part, file, line), cls.schema, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in columns]
            batches.append(pyarrow.RecordBatch.from_arrays(arrays, schema=cls.schema))
        return cls(pyarrow.Table.from_batches(batches, cls.schema))

    def _entries(self, rows: Any) -> Iterator[SkippedRecord]:
        columns = [column.to_pylist() for column in rows.columns]
        for record, kind, detail, content, part, file, line in zip(*columns, strict=True):
            yield SkippedFileRecord(record, Reason(kind), detail, part, file, line, content=content)


def set_aside_rows(entries: Sequence[SkippedFileRecord]) -> pd.DataFrame:
    """A row for each skipped record, with ``COLUMNS``; ``line`` may be missing."""
    rows = LocatedRecords.of(entries).table
    sentences = pyarrow.array([Reason(kind).sentence for kind in rows["kind"].to_pylist()], pyarrow.large_string())
    told = {
        **{name: rows[name] for name in ("part", "file", "record", "line", "kind", "content")},
        "reason": pyarrow.compute.if_else(pyarrow.compute.equal(rows["detail"], ""), sentences, rows["detail"]),
    }
    told["content"] = rows["content"].fill_null("")
    table = pyarrow.table({name: told[name] for name in COLUMNS}).to_pandas(ignore_metadata=True)
    typed: pd.DataFrame = table.astype({"record": "int64", "line": "Int64"})
    return typed


def _cells_of(entry: SkippedFileRecord) -> tuple[str, str, int, int | None, str, str]:
    return entry.part, entry.file_name, entry.record, entry.line, entry.kind.value, entry.detail
