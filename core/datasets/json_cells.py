"""JSON values as cells of text, and nested objects as columns; also of what Arrow and Parquet files hold."""

import json
from collections.abc import Sequence
from typing import Any

NAME_LISTS = ("names", "label_names", "tag_names", "id2label", "classes")
"""Keys whose values say what numbers of labels are called."""

_MOST_FLATTENED = 200


class WrittenNumber(float):
    """A number with a point or exponent that remembers how it was written, so that 1.0 stays apart from 1."""

    written: str

    def __new__(cls, written: str) -> "WrittenNumber":
        number = super().__new__(cls, written)
        number.written = written
        return number


def flatten(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keys whose values are all objects become one column for each key below them: ``data.text``.

    Objects with very many different keys, and those that say what numbers of labels are called, are lookup tables rather than
    columns and stay as they are.
    """
    keys = {key for record in records for key in record}.difference(NAME_LISTS)
    below: dict[str, set[str]] = {}
    for key in keys:
        values = [record[key] for record in records if record.get(key) is not None]
        if values and all(isinstance(value, dict) for value in values):
            names = {name for value in values for name in value}
            if 0 < len(names) <= _MOST_FLATTENED:
                below[key] = names
    if not below:
        return list(records)
    flat = []
    for record in records:
        row: dict[str, Any] = {}
        for key, value in record.items():
            row.update({f"{key}.{name}": inner for name, inner in (value or {}).items()} if key in below else {key: value})
        flat.append(row)
    return flat


def cell(value: Any) -> str | None:
    """A JSON value as the text of a cell: strings and numbers as written, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, WrittenNumber):
        return value.written
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def cell_columns(records: Sequence[dict[str, Any]], keys: Sequence[str]) -> tuple[list[list[str | None]], set[int]]:
    """The cells of each key, and the places of records that are nested too deep to be written as text."""
    columns = []
    too_deep = set()
    for key in keys:
        column: list[str | None] = []
        for place, record in enumerate(records):
            value = record.get(key)
            try:
                column.append(value if value is None or type(value) is str else cell(value))
            except RecursionError:
                column.append(None)
                too_deep.add(place)
        columns.append(column)
    return columns, too_deep
