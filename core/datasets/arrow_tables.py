"""Parquet, Arrow and Feather files: every cell as text, numbers of labels as the names the file gives them.

Runs in a process of its own, see ``isolation``: a small file can unpack to any size.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet

from core.datasets.json_cells import NAME_LISTS, cell
from core.datasets.raw_table import RawTable
from core.errors import InputFileError

_MOST_FIELDS = 200
_STREAM = b"\xff\xff\xff\xff"
_TITLES = {"parquet": "Parquet", "arrow": "Arrow"}


def read_arrow(path: Path, *, file_name: str, kind: str) -> RawTable:
    """Read a file of Arrow columns.

    Args:
        path: where it lies.
        file_name: for display.
        kind: ``parquet`` or ``arrow``; the latter is also what Feather files are.

    Raises:
        InputFileError: the file is damaged or empty.
    """
    try:
        table = pyarrow.parquet.ParquetFile(path).read() if kind == "parquet" else _open_arrow(path)
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputFileError(f"{file_name!r} is a damaged {_TITLES[kind]} file ({str(error)[:120]}). Export it again.") from None
    if not table.num_rows:
        raise InputFileError(f"{file_name!r} has columns ({', '.join(table.column_names[:5])}) but no rows. Choose another file.")

    class_names = _class_names(table.schema.metadata)
    names: list[str | None] = []
    columns: list[list[str | None]] = []
    notes = []
    for field, column in _flattened(table):
        if pyarrow.types.is_binary(field.type) or pyarrow.types.is_large_binary(field.type):
            notes.append(f"Column {field.name!r} holds binary data and was left out.")
        elif not field.name.startswith("__index_level_"):
            named = class_names.get(field.name)
            if named is not None:
                notes.append(f"The numbers of column {field.name!r} were replaced by the names the file gives them.")
            names.append(field.name)
            columns.append(_cells(column, named))
    if not columns:
        raise InputFileError(f"{file_name!r} holds nothing but binary data. Export texts and labels as columns of text.")
    return RawTable(names=names, columns=columns, notes=notes)


def _open_arrow(path: Path) -> pyarrow.Table:
    with path.open("rb") as file:
        start = file.read(4)
    if start == _STREAM:
        with pyarrow.OSFile(str(path)) as source:
            return pyarrow.ipc.open_stream(source).read_all()
    return pyarrow.feather.read_table(path, memory_map=False)


def _flattened(table: pyarrow.Table) -> list[tuple[pyarrow.Field, pyarrow.ChunkedArray]]:
    """The columns; those of objects as one column for each of their fields: ``data.text``."""
    found: list[tuple[pyarrow.Field, pyarrow.ChunkedArray]] = []
    for field, column in zip(table.schema, table.columns, strict=True):
        is_struct = pyarrow.types.is_struct(field.type) and 0 < field.type.num_fields <= _MOST_FIELDS
        if is_struct and field.name not in NAME_LISTS:
            inner = [field.type.field(place) for place in range(field.type.num_fields)]
            inner = [one.with_name(f"{field.name}.{one.name}") for one in inner]
            found += zip(inner, column.flatten(), strict=True)
        else:
            found.append((field, column))
    return found


def _cells(column: pyarrow.ChunkedArray, names: list[str] | None) -> list[str | None]:
    kind = column.type.value_type if pyarrow.types.is_dictionary(column.type) else column.type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        texts: list[str | None] = column.to_pylist()
        return texts
    return [cell(_plain(value, names)) for value in column.to_pylist()]


def _plain(value: Any, names: list[str] | None) -> Any:
    """A value of Arrow as JSON would have it; numbers of classes become their names."""
    if isinstance(value, list | tuple):
        return [_plain(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, None) for key, item in value.items()}
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, float):
        return None if value != value else value  # pandas writes missing cells of a column of numbers as NaN
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return value if isinstance(value, str | int | None) else str(value)


def _class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Column -> names of its classes, from the description that the datasets library leaves in the file."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {column: names for column, feature in features.items() if (names := _names_in(feature)) is not None}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _names_in(feature: Any) -> list[str] | None:
    if isinstance(feature, list) and len(feature) == 1:
        return _names_in(feature[0])
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return _names_in(feature.get("feature"))
