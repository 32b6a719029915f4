"""JSON and JSON Lines: objects become rows, keys become columns, nested values stay JSON text."""

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from core.datasets.readers.build_table import build_table, column_names
from core.datasets.readers.formats.json_flatten import NAME_LISTS, WrittenNumber, cell, cell_columns, flatten
from core.datasets.readers.limits import DEFAULT_LIMITS, ReadingLimits
from core.datasets.readers.text.decode import Decoded
from core.datasets.skip_log import SkippedCollector
from core.datasets.table import RecordLines, Table
from core.errors import InputFileError
from core.progress import SILENT, Progress
from core.tasks.skip_reasons import Reason, SkippedRecord

_HEAD_CHARACTERS = 100_000
_ROW_LISTS = ("data", "rows", "examples", "records", "items", "annotations", "documents", "train", "texts", "results")


_EXAMPLE = '{"text": "…", "label": "…"}'

_Record = tuple[int, dict[str, Any]]


def read_json(
    decoded: Decoded,
    *,
    file_name: str,
    reading: Mapping[str, Any],
    limits: ReadingLimits = DEFAULT_LIMITS,
    progress: Progress = SILENT,
) -> Table:
    """Read one JSON value that contains all records, in any wrapper; falls back to JSON Lines.

    Raises:
        InputFileError: the text is not JSON, no list of records can be found in it, or it exceeds the limits.
    """
    text = decoded.text
    if not text.strip():
        raise InputFileError(f"{file_name!r} is empty. Expected a list of objects, one per text.")
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        if _first_line_is_object(text):
            return read_json_lines(decoded, file_name=file_name, reading=reading, limits=limits, progress=progress)
        raise InputFileError(
            f"{file_name!r} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}. "
            "Correct it, or export it again."
        ) from None
    except (RecursionError, ValueError):
        raise InputFileError(
            f"{file_name!r} contains JSON that is nested too deeply or has a number that is too long to read."
        ) from None
    progress(0.7, "Checking the rows")
    records, constants = _records_in(value, file_name)
    limits.check_rows(len(records))
    set_aside = SkippedCollector()
    pairs = _as_objects(records, set_aside)
    for _, record in pairs:
        record.update({name: cell for name, cell in constants.items() if name not in record})
    return _table(pairs, set_aside, file_name=file_name, file_format="json", reading=reading, lines={}, limits=limits)


def read_json_lines(
    decoded: Decoded,
    *,
    file_name: str,
    reading: Mapping[str, Any],
    limits: ReadingLimits = DEFAULT_LIMITS,
    progress: Progress = SILENT,
) -> Table:
    """Read one JSON value per line; lines that are not JSON are skipped.

    Raises:
        InputFileError: the file is empty, none of its lines is an object, or it exceeds the limits.
    """
    if _begins_with_list(decoded.head(_HEAD_CHARACTERS)):
        try:
            if isinstance(_loads(decoded.text), list):
                return read_json(decoded, file_name=file_name, reading=reading, limits=limits, progress=progress)
        except (ValueError, RecursionError):
            pass
    pairs: list[_Record] = []
    set_aside = SkippedCollector()
    lines = array("I")
    for line, raw in enumerate(decoded.lines(lambda share: progress(0.8 * share, "Reading the file")), start=1):
        if raw.isspace():
            continue
        lines.append(line)
        record = len(lines)
        limits.check_rows(record)
        try:
            pairs += _as_objects([(record, _loads(raw))], set_aside)
        except json.JSONDecodeError as error:
            column = min(error.pos, len(raw.rstrip("\r\n"))) + 1
            detail = f"Not valid JSON: {error.msg} at column {column}."
            set_aside.append(SkippedRecord(record, Reason.INVALID_JSON, detail, content=raw.rstrip("\r\n")))
        except (RecursionError, ValueError):
            set_aside.append(SkippedRecord(record, Reason.TOO_DEEP_JSON, content=raw.rstrip("\r\n")))
    if not lines:
        raise InputFileError(f"{file_name!r} is empty. Expected one JSON object per line.")
    if not pairs:
        first = next(iter(set_aside)).reason
        raise InputFileError(f"No line of {file_name!r} is a JSON object. The first error: {first} Expected one object per line.")
    known = RecordLines(lines)
    return _table(pairs, set_aside, file_name=file_name, file_format="jsonl", reading=reading, lines=known, limits=limits)


class _Doubled(dict[str, Any]):
    """An object with a duplicate key, one of whose values would be lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _Doubled(value)


_loads = json.JSONDecoder(parse_float=WrittenNumber, parse_constant=lambda written: written, object_pairs_hook=_object).decode


def _begins_with_list(head: str) -> bool:
    return head.lstrip()[:1] == "[" and not _first_line_is_object(head)


def _first_line_is_object(text: str) -> bool:
    first, newline, rest = text.lstrip().partition("\n")
    try:
        return bool(newline) and bool(rest.strip()) and isinstance(json.loads(first), dict | list)
    except (ValueError, RecursionError):
        return False


def _records_in(value: Any, file_name: str) -> tuple[list[tuple[int, Any]], dict[str, Any]]:
    """The numbered list of records in a JSON value, and columns with the same value for all of them."""
    if isinstance(value, list):
        return list(enumerate(value, start=1)), {}
    if isinstance(value, dict):
        names = next((value[key] for key in NAME_LISTS if isinstance(value.get(key), list | dict)), None)
        constants = {"tag_names": names} if names is not None else {}
        lists = {
            key: inner
            for key, inner in value.items()
            if isinstance(inner, list) and any(isinstance(item, dict | list) for item in inner)
        }
        if isinstance(value.get("columns"), list) and "data" in lists:
            return list(enumerate(_with_names(value["columns"], lists["data"]), start=1)), constants
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
        f"{file_name!r} contains JSON, but no list of objects with one object per text. Expected something like "
        '[{"text": "…", "label": "…"}, …].'
    )


def _with_names(names: Sequence[Any], rows: Iterable[Any]) -> list[Any]:
    """Lists of cells as objects; a list that is longer or shorter than the names stays a list and is skipped later."""
    return [
        dict(zip(map(str, names), row, strict=True)) if isinstance(row, list) and len(row) == len(names) else row for row in rows
    ]


def _by_column(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Records of a column-oriented JSON object, as pandas writes it: one list, or one object of numbered values, per column."""
    columns = {name: list(inner.values()) if isinstance(inner, dict) else inner for name, inner in value.items()}
    if not columns or not all(isinstance(inner, list) for inner in columns.values()):
        return []
    lengths = {len(inner) for inner in columns.values()}
    if len(lengths) != 1:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _is_text_with_facts(item: Any) -> bool:
    """A pair such as ``["Anna came.", {"entities": [[0, 4, "PER"]]}]``, as in spaCy's training data."""
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)


def _as_objects(values: Iterable[tuple[int, Any]], set_aside: SkippedCollector) -> list[_Record]:
    """The values that are records; the others are added to the skipped records."""
    pairs: list[_Record] = []
    for record, value in values:
        if isinstance(value, _Doubled):
            set_aside.append(SkippedRecord(record, Reason.DOUBLED_KEY, content=_content(value)))
        elif isinstance(value, dict):
            pairs.append((record, value))
        elif _is_text_with_facts(value):
            pairs.append((record, {"text": value[0], **value[1]}))
        else:
            kind = {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a single value")
            detail = f'Contains {kind}, but an object such as {{"text": …}} is expected.'
            set_aside.append(SkippedRecord(record, Reason.NO_OBJECT, detail, content=_content(value)))
    return pairs


def _content(value: Any) -> str | None:
    try:
        return cell(value)
    except RecursionError:
        return None


def _table(
    pairs: Sequence[_Record],
    set_aside: Iterable[SkippedRecord],
    *,
    file_name: str,
    file_format: str,
    reading: Mapping[str, Any],
    lines: Mapping[int, int],
    limits: ReadingLimits,
) -> Table:
    if not pairs:
        raise InputFileError(f"{file_name!r} contains no records. Expected a list of objects, one per text.")
    records = [number for number, _ in pairs]
    flat = flatten([record for _, record in pairs])
    keys = list(dict.fromkeys(chain.from_iterable(flat)))
    names, notes = column_names(keys)
    if not names:
        raise InputFileError(f"The records of {file_name!r} are empty objects. Expected something like {_EXAMPLE} in each.")
    limits.check_cells(len(flat), len(names))
    columns, too_deep = cell_columns(flat, keys)
    aside = chain(set_aside, [SkippedRecord(records[place], Reason.TOO_DEEP_JSON) for place in sorted(too_deep)])
    if too_deep:
        sound = [place for place in range(len(flat)) if place not in too_deep]
        columns = [[column[place] for place in sound] for column in columns]
        records = [records[place] for place in sound]
    return build_table(
        names,
        columns,
        records,
        file_name=file_name,
        file_format=file_format,
        reading=reading,
        set_aside=aside,
        notes=notes,
        lines=lines,
    )
