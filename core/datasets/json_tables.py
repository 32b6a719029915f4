"""JSON and JSON Lines: objects become rows, their keys columns; nested values stay JSON text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.datasets.building import build_table, column_names
from core.datasets.table import Table
from core.errors import InputFileError
from core.tasks.base import SetAside

_MOST_FLATTENED = 200
_NAME_LISTS = ("names", "label_names", "tag_names", "id2label", "classes")
_ROW_LISTS = ("data", "rows", "examples", "records", "items", "annotations", "documents", "train", "texts", "results")


class _Number(float):
    """A number with a point or exponent that remembers how it was written, so that 1.0 stays apart from 1."""

    written: str

    def __new__(cls, written: str) -> "_Number":
        number = super().__new__(cls, written)
        number.written = written
        return number


_Record = tuple[int, dict[str, Any]]


def read_json(text: str, *, file_name: str, reading: Mapping[str, Any]) -> Table:
    """Read one JSON value that holds all records, whatever it wraps them in; falls back to JSON Lines.

    Raises:
        InputFileError: the text is not JSON, or no list of records can be found in it.
    """
    if not text.strip():
        raise InputFileError(f"{file_name!r} is empty. Expected a list of objects, one a text.")
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        if _first_line_is_object(text):
            return read_json_lines(text, file_name=file_name, reading=reading)
        raise InputFileError(
            f"{file_name!r} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}. "
            "Correct it, or export it again."
        ) from None
    except (RecursionError, ValueError):
        raise InputFileError(f"{file_name!r} holds JSON that is nested too deep or has a number too long to read.") from None
    records, constants = _records_in(value, file_name)
    pairs, set_aside = _as_objects(records)
    for _, record in pairs:
        record.update({name: cell for name, cell in constants.items() if name not in record})
    return _table(pairs, set_aside, file_name=file_name, file_format="json", reading=reading, lines={})


def read_json_lines(text: str, *, file_name: str, reading: Mapping[str, Any]) -> Table:
    """Read one JSON value a line; lines that are not JSON are set aside.

    Raises:
        InputFileError: the file is empty or not a single line of it is an object.
    """
    if text.lstrip()[:1] == "[" and not _first_line_is_object(text):
        try:
            if isinstance(_loads(text), list):
                return read_json(text, file_name=file_name, reading=reading)
        except (ValueError, RecursionError):
            pass
    values, set_aside, lines = [], [], {}
    record = 0
    for line, raw in enumerate(text.split("\n"), start=1):
        if not raw.strip():
            continue
        record += 1
        lines[record] = line
        try:
            values.append((record, _loads(raw)))
        except json.JSONDecodeError as error:
            set_aside.append(SetAside(record, f"Not valid JSON: {error.msg} at column {error.colno}."))
        except (RecursionError, ValueError):
            set_aside.append(SetAside(record, "JSON that is nested too deep or has a number too long to read."))
    if not record:
        raise InputFileError(f"{file_name!r} is empty. Expected one JSON object a line.")
    pairs, not_objects = _as_objects(values)
    if not pairs:
        first = (set_aside + not_objects)[0]
        raise InputFileError(
            f"No line of {file_name!r} is a JSON object; the first problem: {first.reason} Expected one object a line."
        )
    return _table(pairs, set_aside + not_objects, file_name=file_name, file_format="jsonl", reading=reading, lines=lines)


def flatten(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keys whose values are all objects become one column for each key below them: ``data.text``.

    Objects with very many different keys, and those that say what numbers of labels are called, are lookup tables rather than
    columns and stay as they are.
    """
    keys = {key for record in records for key in record}.difference(_NAME_LISTS)
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
    if isinstance(value, _Number):
        return value.written
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=_Number, parse_constant=lambda written: written)


def _first_line_is_object(text: str) -> bool:
    first, newline, rest = text.lstrip().partition("\n")
    try:
        return bool(newline) and bool(rest.strip()) and isinstance(json.loads(first), dict | list)
    except (ValueError, RecursionError):
        return False


def _records_in(value: Any, file_name: str) -> tuple[list[tuple[int, Any]], dict[str, Any]]:
    """The list of records in a JSON value, numbered, and columns that are the same for all of them."""
    if isinstance(value, list):
        return list(enumerate(value, start=1)), {}
    if isinstance(value, dict):
        names = next((value[key] for key in _NAME_LISTS if isinstance(value.get(key), list | dict)), None)
        constants = {"tag_names": names} if names is not None else {}
        lists = {
            key: inner
            for key, inner in value.items()
            if isinstance(inner, list) and any(isinstance(item, dict | list) for item in inner)
        }
        if isinstance(value.get("columns"), list) and "data" in lists:
            rows = [dict(zip(value["columns"], row, strict=False)) for row in lists["data"] if isinstance(row, list)]
            return list(enumerate(rows, start=1)), constants
        for key in (*_ROW_LISTS, *lists):
            if key in lists and all(isinstance(item, dict | None) or _is_text_with_facts(item) for item in lists[key]):
                rows = [
                    item["row"] if isinstance(item, dict) and isinstance(item.get("row"), dict) else item for item in lists[key]
                ]
                return list(enumerate(rows, start=1)), constants
        if by_column := _by_column(value):
            return list(enumerate(by_column, start=1)), {}
        if value and not any(isinstance(inner, list | dict) for inner in value.values()):
            return [(1, value)], {}
    raise InputFileError(
        f"{file_name!r} holds JSON, but no list of objects, one a text, was found in it. Expected something like "
        '[{"text": "…", "label": "…"}, …].'
    )


def _by_column(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Records of a JSON object with one list, or one object of numbered values, for each column, as pandas writes it."""
    columns = {name: list(inner.values()) if isinstance(inner, dict) else inner for name, inner in value.items()}
    if not columns or not all(isinstance(inner, list) for inner in columns.values()):
        return []
    lengths = {len(inner) for inner in columns.values()}
    if len(lengths) != 1:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _is_text_with_facts(item: Any) -> bool:
    """A pair such as ``["Anna came.", {"entities": [[0, 4, "PER"]]}]``, as spaCy's training data is written."""
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)


def _as_objects(values: Iterable[tuple[int, Any]]) -> tuple[list[_Record], list[SetAside]]:
    pairs: list[_Record] = []
    set_aside = []
    for record, value in values:
        if isinstance(value, dict):
            pairs.append((record, value))
        elif _is_text_with_facts(value):
            pairs.append((record, {"text": value[0], **value[1]}))
        else:
            kind = {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a single value")
            set_aside.append(SetAside(record, f'Holds {kind} where an object such as {{"text": …}} is expected.'))
    return pairs, set_aside


def _table(
    pairs: Sequence[_Record],
    set_aside: Sequence[SetAside],
    *,
    file_name: str,
    file_format: str,
    reading: Mapping[str, Any],
    lines: Mapping[int, int],
) -> Table:
    if not pairs:
        raise InputFileError(f"{file_name!r} holds no records. Expected a list of objects, one a text.")
    flat = flatten([record for _, record in pairs])
    keys = list({key: None for record in flat for key in record})
    names, notes = column_names(keys)
    rows: list[tuple[int, list[str | None]]] = []
    too_deep: list[SetAside] = []
    for (number, _), record in zip(pairs, flat, strict=True):
        try:
            rows.append((number, [cell(record.get(key)) for key in keys]))
        except RecursionError:
            too_deep.append(SetAside(number, "JSON that is nested too deep to read."))
    aside = [*set_aside, *too_deep]
    return build_table(
        names, rows, file_name=file_name, file_format=file_format, reading=reading, set_aside=aside, notes=notes, lines=lines
    )
