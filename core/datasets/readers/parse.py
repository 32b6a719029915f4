"""From the bytes of a file to a ``Table``: detects the format and calls its reader.

Every cell is read as text, so that ``1``, ``1.0``, ``NA`` and ``None`` stay unchanged. Records that cannot be read are skipped
with a reason; cells are never shifted, joined or dropped silently.

The memory and time a file needs is not known in advance, so all but the smallest are parsed in a separate process; see
``read_table`` and ``sandbox``.
"""

import json
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from core.datasets.readers.archives import unpack_gzip, unpack_zip
from core.datasets.readers.build_table import build_table, column_names, with_missing
from core.datasets.readers.file_types import OFTEN_TEXT, SUFFIXES, binary_format, shown, suffix_of
from core.datasets.readers.formats.conll import looks_like_conll, read_conll
from core.datasets.readers.formats.csv_tables import read_delimited
from core.datasets.readers.formats.json_tables import read_json, read_json_lines
from core.datasets.readers.formats.preamble_rows import without_titles
from core.datasets.readers.formats.text_folders import read_text_folders
from core.datasets.readers.limits import BeyondLimitsError, ReadingLimits
from core.datasets.readers.text.decode import Decoded, decode
from core.datasets.readers.text.encodings import encoding_title
from core.datasets.table import RecordLines, Table
from core.errors import InputFileError
from core.progress import SILENT, Progress
from core.text_format import short

_CONTROL_CHARACTERS = dict.fromkeys(set(range(32)) - {9, 10, 12, 13, 27, 31})
_HEAD_CHARACTERS = 100_000


@dataclass(frozen=True, kw_only=True)
class FileToRead:
    """A file, and the options for reading it; see ``read_table``."""

    path: Path
    name: str
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Restore the result of ``to_json``."""
        return cls(**{**raw, "path": Path(raw["path"]), "missing": tuple(raw["missing"])})


@dataclass(frozen=True, kw_only=True)
class _Source:
    """The bytes of one table and the options for reading them."""

    data: bytes
    name: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    limits: ReadingLimits
    progress: Progress


def parse_file(file: FileToRead, limits: ReadingLimits, progress: Progress = SILENT) -> Table:
    """Read a file in this process.

    Args:
        file: the file and its options.
        limits: its size limits.
        progress: called with the completed fraction and the current step.

    Raises:
        InputFileError: the file is missing, empty, damaged, not of the type of its extension, or exceeds the limits.
        MemoryError: there is not enough memory.
    """
    source = _Source(
        data=_content(file.path, file.name),
        name=file.name,
        encoding=file.encoding,
        delimiter=file.delimiter,
        sheet=file.sheet,
        limits=limits,
        progress=progress,
    )
    table = with_missing(_read(source), file.missing)
    _refuse_other_sheet(table, file.sheet)
    return table


def check_file(path: Path, name: str, max_mib: int) -> int:
    """Refuse what cannot be a file of labelled texts before reading it.

    Returns:
        Its size in bytes.

    Raises:
        InputFileError: it is missing, locked, not a regular file, or too large.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputFileError(f"File {shown(name)} does not exist. Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise _cannot_be_opened(name, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise InputFileError(f"{shown(name)} cannot be opened: it is a folder. Choose a file.")
    if not stat.S_ISREG(found.st_mode):
        raise InputFileError(f"{shown(name)} is not a regular file, but a pipe or device. Save its content to a file first.")
    if found.st_size > max_mib * 2**20:
        raise InputFileError(
            f"{shown(name)} has {found.st_size / 2**20:,.0f} MiB; at most {max_mib:,} MiB are allowed. "
            "Split it, remove columns that are not needed, or raise TUNEBOARD_MAX_UPLOAD_MIB."
        )
    return found.st_size


def _refuse_other_sheet(table: Table, sheet: str | None) -> None:
    """Refuse a file without the requested sheet or member, instead of reading another one."""
    found = table.reading.get("member"), table.reading.get("sheet")
    if sheet is None or sheet in found:
        return
    parts = ", ".join(map(shown, (table.reading.get("members") or [])[:10]))
    there = f"It has {parts}. Choose one of them." if parts else "Leave the sheet option out, or choose another file."
    raise InputFileError(f"{shown(table.file_name)} has no sheet or file {shown(sheet)}. {there}")


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
    member = unpack_gzip(source.data, file_name=source.name, limits=source.limits)
    _refuse_empty(member.data, member.name)
    table = _read(replace(source, data=member.data, name=member.name), in_archive=True)
    return replace(table, file_name=source.name, reading={**table.reading, "archive": "gzip"})


def _read_zip(source: _Source) -> Table:
    unpacked = unpack_zip(source.data, file_name=source.name, chosen=source.sheet, limits=source.limits)
    if unpacked.chosen is None:
        source.limits.check_rows(len(unpacked.texts))
        table = read_text_folders(unpacked.texts, file_name=source.name, encoding=source.encoding)
        return _with_remarks(table)
    member = unpacked.chosen
    _refuse_empty(member.data, member.name)
    sheet = None if source.sheet == member.name else source.sheet
    table = _read(replace(source, data=member.data, name=Path(member.name).name, sheet=sheet), in_archive=True)
    notes = list(table.notes)
    if len(unpacked.members) > 1 and source.sheet != member.name:
        notes.append(f"The archive contains {len(unpacked.members)} readable files; {short(member.name)} was read.")
    reading = {**table.reading, "archive": "zip", "member": member.name, "members": unpacked.members}
    return replace(table, file_name=source.name, reading=reading, notes=notes)


def _read_binary(source: _Source, kind: str) -> Table:
    if not source.limits.may_unpack:
        raise BeyondLimitsError(f"{shown(source.name)} is a compressed format, which is not read in this process.")
    source.progress(0.1, "Unpacking the file")
    if kind == "excel":
        from core.datasets.readers.formats.excel import read_sheet

        raw = read_sheet(source.data, file_name=source.name, sheet=source.sheet, limits=source.limits)
    else:
        from core.datasets.readers.formats.arrow_tables import read_arrow

        raw = read_arrow(source.data, file_name=source.name, kind=kind, limits=source.limits)
    source.progress(0.6, "Checking the rows")
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
        "limits": source.limits,
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
        raise InputFileError(f"No record of {shown(name)} can be used. The first error: {table.set_aside[0].reason}")
    if suffix_of(name) == OFTEN_TEXT:
        table = replace(
            table,
            notes=["The file has the extension of an Excel workbook, but is a text table; it was read as one.", *table.notes],
        )
    return _with_remarks(table)


def _with_remarks(table: Table) -> Table:
    """The table with a note if the encoding was guessed."""
    reading: Mapping[str, Any] = table.reading
    if reading["encoding_certain"]:
        return table
    guessed = encoding_title(reading["encoding"])
    remark = f"The encoding was guessed: {guessed}. Check that all letters are correct; otherwise choose another encoding."
    return replace(table, notes=[*table.notes, remark])


def _content(path: Path, name: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputFileError(f"File {shown(name)} does not exist. Check the path.") from None
    except OSError as error:
        raise _cannot_be_opened(name, error) from None
    _refuse_empty(data, name)
    return data


def _cannot_be_opened(name: str, error: Exception) -> InputFileError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InputFileError(f"{shown(name)} cannot be opened: {reason}.")


def _refuse_empty(data: bytes, name: str) -> None:
    if not data[:1000].strip() and not data.strip():
        raise InputFileError(f"{shown(name)} is empty. Choose a file with texts and labels.")


def _refuse_binary(few: str, name: str) -> None:
    """Refuse binary content: more than 1% of the characters are control characters."""
    if len(few) - len(few.translate(_CONTROL_CHARACTERS)) > 0.01 * len(few) + 10:
        raise InputFileError(
            f"{shown(name)} is not a text file: it contains many control characters. "
            "It may be damaged, or a binary file with the wrong extension."
        )


def _text_format(decoded: Decoded, head: str, name: str) -> str:
    """The format of a text file by its extension, checked against its content; by its content alone for other extensions."""
    named = SUFFIXES.get(suffix_of(name), "text")
    start = head.lstrip()[:1]
    if named in ("json", "jsonl", "conll"):
        return named
    if start in ("{", "[") and _is_json(decoded, head):
        if named == "csv":
            raise InputFileError(
                f"{shown(name)} has the extension of a text table, but contains JSON. Rename it to end in .json or .jsonl."
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
