"""Parquet, Arrow and Feather files: every cell as text, label numbers as the names in the file.

Runs in a separate process, see ``sandbox``: a small file can unpack to any size.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet

from core.datasets.readers.build_table import listed_names
from core.datasets.readers.formats.json_flatten import NAME_LISTS, cell
from core.datasets.readers.limits import DEFAULT_LIMITS, ReadingLimits, check_num_columns
from core.datasets.readers.raw_table import RawTable
from core.datasets.text_array import texts_of
from core.errors import InputFileError
from core.text_format import short

_MOST_FIELDS = 200
_STREAM = b"\xff\xff\xff\xff"
_TITLES = {"parquet": "Parquet", "arrow": "Arrow"}


def read_arrow(
    data: bytes,
    *,
    file_name: str,
    kind: str,
    limits: ReadingLimits = DEFAULT_LIMITS,
) -> RawTable:
    """Read a file of Arrow columns.

    Args:
        data: the file.
        file_name: for display.
        kind: ``parquet`` or ``arrow``; Feather files are ``arrow``.
        limits: the limits for the file.

    Raises:
        InputFileError: the file is damaged, empty, or larger than the limits allow.
        MemoryError: there is not enough memory.
    """
    try:
        table = _open_parquet(data, limits) if kind == "parquet" else _open_arrow(data)
        limits.check_rows(table.num_rows)
        limits.check_cells(table.num_rows, table.num_columns)
        table.validate(full=True)
    except MemoryError:  # Arrow's MemoryError is also an ArrowException, but does not mean that the file is damaged
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputFileError(f"{file_name!r} is a damaged {_TITLES[kind]} file ({str(error)[:120]}). Export it again.") from None
    if not table.num_rows:
        raise InputFileError(f"{file_name!r} has columns ({listed_names(table.column_names)}) but no rows. Choose another file.")

    class_names = _class_names(table.schema.metadata)
    names: list[str | None] = []
    columns: list[list[str | None]] = []
    notes = []
    flattened = _flattened(table)
    check_num_columns(len(flattened))
    limits.check_cells(table.num_rows, len(flattened))
    for field, column in flattened:
        if pyarrow.types.is_binary(field.type) or pyarrow.types.is_large_binary(field.type):
            notes.append(f"Column {short(field.name)} contains binary data and was left out.")
        elif not field.name.startswith("__index_level_"):
            named = class_names.get(field.name)
            if named is not None:
                notes.append(f"The numbers in column {short(field.name)} were replaced by the label names in the file.")
            names.append(field.name)
            columns.append(_cells(field.name, column, named, notes))
    if not columns:
        raise InputFileError(f"{file_name!r} contains only binary data. Export texts and labels as text columns.")
    return RawTable(names=names, columns=columns, notes=notes)


def _open_parquet(data: bytes, limits: ReadingLimits) -> pyarrow.Table:
    """The table with dictionary-encoded text columns, so that repeated texts are unpacked only once."""
    described = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
    limits.check_rows(described.metadata.num_rows)
    texts = [field.name for field in described.schema_arrow if _is_text(field.type)]
    return pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), read_dictionary=texts).read(use_threads=False)


def _open_arrow(data: bytes) -> pyarrow.Table:
    source = pyarrow.BufferReader(data)
    if data.startswith(_STREAM):
        return pyarrow.ipc.open_stream(source).read_all()
    return pyarrow.feather.read_table(source, memory_map=False)


def _flattened(table: pyarrow.Table) -> list[tuple[pyarrow.Field, pyarrow.ChunkedArray]]:
    """The columns; struct columns become one column for each of their fields: ``data.text``."""
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


def _is_text(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _cells(name: str, column: pyarrow.ChunkedArray, names: list[str] | None, notes: list[str]) -> list[str | None]:
    """The cells of a column as text; remarks are added to the notes.

    Raises:
        InputFileError: it contains values that cannot be converted to text.
    """
    if _is_text(column.type.value_type if pyarrow.types.is_dictionary(column.type) else column.type):
        return texts_of(column)
    if pyarrow.types.is_timestamp(column.type) and column.type.tz is not None and not _is_known_zone(column.type.tz):
        notes.append(f"The time zone {short(column.type.tz)} of column {short(name)} is unknown; its times are shown in UTC.")
        column = column.cast(pyarrow.timestamp(column.type.unit, "UTC"))
    try:
        return [cell(_plain(value, names)) for value in column.to_pylist()]
    except MemoryError:
        raise
    except (pyarrow.ArrowException, ValueError, OverflowError, LookupError, TypeError, RecursionError) as error:
        raise InputFileError(
            f"Column {short(name)} contains values of type {short(str(column.type))} that cannot be converted to text "
            f"({short(str(error), 100)}). Save the column as text, or leave it out."
        ) from None


def _is_known_zone(name: str) -> bool:
    """Whether the time zone is known; Arrow files may contain any name."""
    try:
        pyarrow.scalar(0, pyarrow.timestamp("s", name)).as_py()
    except (pyarrow.ArrowException, ValueError, LookupError, OSError):
        return False
    return True


def _plain(value: Any, names: list[str] | None) -> Any:
    """An Arrow value as a JSON value; class numbers become class names."""
    if isinstance(value, list | tuple):
        return [_plain(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, None) for key, item in value.items()}
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, float):
        return None if value != value else value  # pandas writes missing cells of numeric columns as NaN
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return value if isinstance(value, str | int | None) else str(value)


def _class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Column -> names of its classes, from the metadata of the Hugging Face datasets library."""
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
