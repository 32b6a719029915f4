"""Parquet files: every cell as text, numbers of labels as the names the file gives them."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

import pyarrow
import pyarrow.parquet

from core.datasets.building import build_table, column_names
from core.datasets.json_tables import cell, flatten
from core.datasets.table import Table
from core.errors import InputFileError

_GROWTH_ALLOWED = 50
"""How many times its size a file may take unpacked; real text stays far below, a file made to fill the memory does not."""


def read_parquet(data: bytes, *, file_name: str, max_mib: int) -> Table:
    """Read a Parquet file.

    Raises:
        InputFileError: the file is damaged, empty or unpacks to far more than its size.
    """
    try:
        file = pyarrow.parquet.ParquetFile(BytesIO(data))
        metadata = file.metadata
        unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        if unpacked > _GROWTH_ALLOWED * max_mib * 2**20:
            raise InputFileError(
                f"{file_name!r} unpacks to {unpacked / 2**20:,.0f} MiB, which is too much. Split it into smaller files."
            )
        table = file.read()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputFileError(f"{file_name!r} is a damaged Parquet file ({str(error)[:120]}). Export it again.") from None
    if not table.num_rows:
        raise InputFileError(f"{file_name!r} has columns ({', '.join(table.column_names[:5])}) but no rows. Choose another file.")

    class_names = _class_names(table.schema.metadata)
    columns: dict[str, list[Any]] = {}
    notes = []
    for place, field in enumerate(table.schema):
        if pyarrow.types.is_binary(field.type) or pyarrow.types.is_large_binary(field.type):
            notes.append(f"Column {field.name!r} holds binary data and was left out.")
        elif not field.name.startswith("__index_level_"):
            named = class_names.get(field.name)
            columns.setdefault(field.name, [])
            columns[field.name] = [_plain(value, named) for value in table.column(place).to_pylist()]
            if named is not None:
                notes.append(f"The numbers of column {field.name!r} were replaced by the names the file gives them.")
    records = flatten([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    keys = list({key: None for record in records for key in record})
    names, name_notes = column_names(keys)
    rows = [(number, [cell(record.get(key)) for key in keys]) for number, record in enumerate(records, start=1)]
    return build_table(names, rows, file_name=file_name, file_format="parquet", reading={}, notes=[*name_notes, *notes])


def _plain(value: Any, names: list[str] | None) -> Any:
    """A value of Arrow as JSON would have it; numbers of classes become their names."""
    if isinstance(value, list):
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
