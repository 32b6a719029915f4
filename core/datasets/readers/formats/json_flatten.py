"""JSON values as text cells, and nested objects as columns; also for Arrow and Parquet files."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

from core.datasets.readers.limits import check_num_columns

NAME_LISTS = ("names", "label_names", "tag_names", "id2label", "classes")
"""Keys whose values are the names of label numbers."""

_MOST_FLATTENED = 200


class WrittenNumber(float):
    """A number that keeps its original notation, so that 1.0 and 1 stay different."""

    written: str

    def __new__(cls, written: str) -> "WrittenNumber":
        number = super().__new__(cls, written)
        number.written = written
        return number


def flatten(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flatten keys whose values are all objects into one column for each nested key: ``data.text``.

    Objects with very many different keys, and those with the names of label numbers, are lookup tables and stay unchanged.

    Raises:
        InputFileError: there are more different keys than a table may have columns; raised before any row is built.
    """
    below = _keys_below(records)
    if not below:
        return list(records)
    flat = []
    for record in records:
        row: dict[str, Any] = {}
        for key, value in record.items():
            if key in below:
                row.update({f"{key}.{name}": inner for name, inner in (value or {}).items()})
            else:
                row[key] = value
        flat.append(row)
    return flat


def _keys_below(records: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
    """Every key that becomes columns -> the keys of its objects, in one pass over the values.

    Raises:
        InputFileError: see ``flatten``.
    """
    keys = set(chain.from_iterable(records))
    check_num_columns(len(keys))
    below: dict[str, set[str]] = {}
    whole = set(NAME_LISTS)
    for record in records:
        for key, value in record.items():
            if value is None or key in whole:
                continue
            if isinstance(value, dict):
                names = below.setdefault(key, set())
                names.update(value)
                if len(names) <= _MOST_FLATTENED:
                    continue
            whole.add(key)
    found = {key: names for key, names in below.items() if names and key not in whole}
    check_num_columns(len(keys) - len(found) + sum(map(len, found.values())))
    return found


def cell(value: Any) -> str | None:
    """A JSON value as a text cell: strings and numbers as written, lists and objects as JSON."""
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
    """The cells of each key, and the positions of records that are nested too deeply to be converted to text."""
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
