"""From a file to a ``Table``: finds out what the file is and hands it to the reader of that format.

Every cell is read as text, so that ``1``, ``1.0``, ``NA`` and ``None`` stay what they are. What cannot be read is set aside by
record with a reason; nothing is shifted, joined or dropped in silence.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.datasets.archives import unpack_gzip, unpack_zip
from core.datasets.building import build_table, column_names, with_missing
from core.datasets.conll import looks_like_conll, read_conll
from core.datasets.decoding import Decoded, decode
from core.datasets.delimited import read_delimited
from core.datasets.encodings import encoding_title
from core.datasets.formats import OFTEN_TEXT, SUFFIXES, binary_format, shown, suffix_of
from core.datasets.isolation import read_isolated
from core.datasets.json_tables import read_json, read_json_lines
from core.datasets.progress import SILENT, Progress
from core.datasets.table import RecordLines, Table
from core.datasets.text_folders import read_text_folders
from core.datasets.title_rows import without_titles
from core.errors import InputFileError

_CONTROL_CHARACTERS = dict.fromkeys(set(range(32)) - {9, 10, 12, 13, 27, 31})
_HEAD_CHARACTERS = 100_000


@dataclass(frozen=True, kw_only=True)
class _Source:
    """The bytes of one table and what was said about how to read them."""

    data: bytes
    name: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    max_mib: int
    progress: Progress


def read_table(
    path: Path,
    *,
    file_name: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    missing: Sequence[str] = (),
    max_mib: int = 200,
    progress: Progress = SILENT,
) -> Table:
    """Read a file of labelled text.

    Args:
        path: where the file lies.
        file_name: what the person calls it, where ``path`` is only a temporary name.
        encoding: of a text file; found if not given.
        delimiter: of a CSV file; found if not given.
        sheet: of a workbook, the first with content if not given; or the file that is meant in an archive of several.
        missing: words that mean an empty cell in this file, such as ``NA``; without them they are text like any other.
        max_mib: largest file that is accepted.
        progress: told how far it is.

    Raises:
        InputFileError: the file is missing, too large, empty, damaged or not what its name says.
    """
    name = Path(file_name or path.name).name
    progress(0.0, "Opening the file")
    source = _Source(
        data=_content(path, name, max_mib),
        name=name,
        encoding=encoding,
        delimiter=delimiter,
        sheet=sheet,
        max_mib=max_mib,
        progress=progress,
    )
    table = with_missing(_read(source), missing)
    _refuse_other_sheet(table, sheet)
    progress(1.0, "Read")
    return table


def _refuse_other_sheet(table: Table, sheet: str | None) -> None:
    """Refuse a file without the part that was asked for, rather than give another part of it."""
    found = table.reading.get("member"), table.reading.get("sheet")
    if sheet is None or sheet in found:
        return
    parts = ", ".join(map(shown, (table.reading.get("members") or [])[:10]))
    there = f"it has {parts}. Choose one of them." if parts else "nor any other. Leave it out, or choose another file."
    raise InputFileError(f"{shown(table.file_name)} has no sheet or file {shown(sheet)}; {there}".replace("; nor", ", nor"))


def _read(source: _Source, *, in_archive: bool = False) -> Table:
    kind = binary_format(source.data, source.name)
    if kind in ("zip", "gzip"):
        if in_archive:
            raise InputFileError(f"{shown(source.name)} is an archive inside an archive. Unpack it and choose the file inside.")
        return _read_zip(source) if kind == "zip" else _read_gzip(source)
    if kind is not None:
        return _read_binary(source, kind)
    return _read_text(source)


def _read_gzip(source: _Source) -> Table:
    member = unpack_gzip(source.data, file_name=source.name, max_mib=source.max_mib)
    _refuse_empty(member.data, member.name)
    table = _read(replace(source, data=member.data, name=member.name), in_archive=True)
    return replace(table, file_name=source.name, reading={**table.reading, "archive": "gzip"})


def _read_zip(source: _Source) -> Table:
    unpacked = unpack_zip(source.data, file_name=source.name, chosen=source.sheet, max_mib=source.max_mib)
    if unpacked.chosen is None:
        table = read_text_folders(unpacked.texts, file_name=source.name, encoding=source.encoding)
        return _with_remarks(table)
    member = unpacked.chosen
    _refuse_empty(member.data, member.name)
    sheet = None if source.sheet == member.name else source.sheet
    table = _read(replace(source, data=member.data, name=Path(member.name).name, sheet=sheet), in_archive=True)
    notes = list(table.notes)
    if len(unpacked.members) > 1 and source.sheet != member.name:
        notes.append(f"The archive holds {len(unpacked.members)} files that can be read; {member.name!r} was.")
    reading = {**table.reading, "archive": "zip", "member": member.name, "members": unpacked.members}
    return replace(table, file_name=source.name, reading=reading, notes=notes)


def _read_binary(source: _Source, kind: str) -> Table:
    with tempfile.TemporaryDirectory(prefix="tuneboard-") as folder:
        path = Path(folder) / "content"
        path.write_bytes(source.data)
        raw = read_isolated(path, kind, file_name=source.name, sheet=source.sheet, progress=source.progress)
    if kind == "excel":
        raw = without_titles(raw)
    names, notes = column_names(raw.names)
    return build_table(
        names,
        raw.columns,
        range(1, raw.num_records + 1),
        file_name=source.name,
        file_format=kind,
        reading=raw.reading,
        notes=[*notes, *raw.notes],
        lines=RecordLines(raw.lines),
    )


def _read_text(source: _Source) -> Table:
    name = source.name
    decoded = decode(source.data, source.encoding)
    head = decoded.head(_HEAD_CHARACTERS)
    _refuse_binary(head, name)
    text_format = _text_format(decoded, head, name)
    options: dict[str, Any] = {
        "file_name": name,
        "reading": {"encoding": decoded.encoding, "encoding_certain": decoded.certain},
    }
    if text_format == "conll":
        table = read_conll(decoded.text, **options)
    elif text_format == "csv":
        table = read_delimited(decoded, delimiter=source.delimiter, progress=source.progress, **options)
    elif text_format == "json":
        table = read_json(decoded, progress=source.progress, **options)
    else:
        table = read_json_lines(decoded, progress=source.progress, **options)
    if table.rows.empty:
        raise InputFileError(f"No record of {shown(name)} can be used; the first: {table.set_aside[0].reason}")
    if suffix_of(name) == OFTEN_TEXT:
        table = replace(table, notes=["Named like an Excel workbook, but a table of text; it was read as such.", *table.notes])
    return _with_remarks(table)


def _with_remarks(table: Table) -> Table:
    """The table with a word on an encoding that was guessed."""
    reading: Mapping[str, Any] = table.reading
    if reading["encoding_certain"]:
        return table
    guessed = encoding_title(reading["encoding"])
    remark = f"The encoding was guessed: {guessed}. Look whether all letters are right; otherwise choose another."
    return replace(table, notes=[*table.notes, remark])


def _content(path: Path, name: str, max_mib: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > max_mib * 2**20:
            raise InputFileError(
                f"{shown(name)} has {size / 2**20:,.0f} MiB; at most {max_mib:,} are accepted. "
                "Split it, remove columns that are not needed, or raise TUNEBOARD_MAX_UPLOAD_MIB."
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputFileError(f"There is no file {shown(name)}. Check the path.") from None
    except OSError as error:
        raise InputFileError(f"{shown(name)} cannot be opened: {error.strerror or type(error).__name__}.") from None
    _refuse_empty(data, name)
    return data


def _refuse_empty(data: bytes, name: str) -> None:
    if not data[:1000].strip() and not data.strip():
        raise InputFileError(f"{shown(name)} is empty. Choose a file with texts and labels.")


def _refuse_binary(few: str, name: str) -> None:
    """Refuse what is no text: more than one character in a hundred is a control character."""
    if len(few) - len(few.translate(_CONTROL_CHARACTERS)) > 0.01 * len(few) + 10:
        raise InputFileError(
            f"{shown(name)} is not a text file: it holds control characters throughout. "
            "It may be damaged, or a binary file with the wrong ending."
        )


def _text_format(decoded: Decoded, head: str, name: str) -> str:
    """The format of a text file by its name, checked against its content; by its content alone where the name does not tell."""
    named = SUFFIXES.get(suffix_of(name), "text")
    start = head.lstrip()[:1]
    if named in ("json", "jsonl", "conll"):
        return named
    if start in ("{", "[") and _is_json(decoded, head):
        if named == "csv":
            raise InputFileError(
                f"{shown(name)} is named like a table of text, but holds JSON. Rename it to end in .json or .jsonl."
            )
        return "json" if start == "[" else "jsonl"
    return "conll" if suffix_of(name) != ".csv" and looks_like_conll(head) else "csv"


def _is_json(decoded: Decoded, head: str) -> bool:
    first, has_more, _ = head.lstrip().partition("\n")
    if has_more and _loads(first):
        return True
    return _loads(decoded.text)


def _loads(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list | dict)
    except (ValueError, RecursionError):
        return False
