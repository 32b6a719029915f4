"""The size of tables and prepared data sets in bytes, estimated from a sample for Python objects."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.datasets.skip_log import SkippedRecords
from core.datasets.table import Table
from core.datasets.text_array import TextArray

if TYPE_CHECKING:
    from core.datasets.importing.prepare import Prepared

_SAMPLE = 500


def size_of_table(table: Table) -> int:
    """Bytes of the table's cells and skipped records, memory-mapped files included."""
    return size_of_rows(table.rows) + _size_of_entries(table.set_aside)


def size_of_prepared(prepared: "Prepared") -> int:
    """Bytes of the data set's examples, extra columns, unlabelled texts and skipped records."""
    rows = sum(map(size_of_rows, (prepared.examples, prepared.unlabelled, prepared.extra)))
    return rows + _size_of_entries(prepared.set_aside)


def size_of_rows(rows: pd.DataFrame) -> int:
    """Bytes of all cells."""
    total = int(rows.index.memory_usage())
    for place in range(rows.shape[1]):
        cells = rows.iloc[:, place]
        is_python = cells.dtype == object and not isinstance(cells.array, TextArray)
        total += _size_of_objects(cells) if is_python else int(cells.array.nbytes)
    return total


def _size_of_objects(cells: pd.Series) -> int:
    sample = cells.iloc[:: max(1, len(cells) // _SAMPLE)].tolist()
    return round(len(cells) * (8 + sum(map(_size_of, sample)) / max(1, len(sample))))


def _size_of_entries(entries: Any) -> int:
    if isinstance(entries, SkippedRecords):
        return int(entries.table.nbytes)
    sample = entries[:: max(1, len(entries) // _SAMPLE)]
    return round(len(entries) * sum(_size_of(entry) for entry in sample) / max(1, len(sample)))


def _size_of(value: Any) -> int:
    """Bytes of a value and its contents."""
    if isinstance(value, str):
        return sys.getsizeof(value)
    if isinstance(value, list | tuple):
        return sys.getsizeof(value) + sum(map(_size_of, value))
    if isinstance(value, Mapping):
        return sys.getsizeof(value) + sum(_size_of(key) + _size_of(inner) for key, inner in value.items())
    held = [getattr(value, name, None) for name in ("detail", "content")]
    return sys.getsizeof(value) + sum(_size_of(inner) for inner in held if inner is not None)
