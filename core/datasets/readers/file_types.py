"""Detects the type of a file from its first bytes, and whether its extension matches."""

import zipfile
from io import BytesIO
from pathlib import PurePath

from core.errors import InputFileError

SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "text", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".arrows": "arrow",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel", ".conll": "conll",
    ".conllu": "conll", ".conll03": "conll", ".iob": "conll", ".iob2": "conll", ".bio": "conll", ".bmes": "conll",
    ".zip": "zip", ".gz": "gzip",
}  # fmt: skip
"""File extension -> expected format; ``text`` may be any of the text formats."""

TITLES = {
    "csv": "a table of text (CSV or TSV)",
    "json": "JSON",
    "jsonl": "JSON Lines",
    "parquet": "a Parquet file",
    "arrow": "an Arrow file",
    "excel": "an Excel or OpenDocument workbook",
    "conll": "CoNLL columns",
    "folders": "a folder of text files for each label",
    "zip": "a zip archive",
    "gzip": "a gzip archive",
}

READABLE = "CSV, TSV, JSON Lines, JSON, Parquet, Arrow, Excel, OpenDocument and CoNLL, also inside a zip or gzip archive"

_ENDINGS = {"parquet": ".parquet", "arrow": ".arrow", "excel": ".xlsx", "zip": ".zip", "gzip": ".gz"}

_SIGNATURES = (
    (b"PAR1", "parquet"),
    (b"ARROW1\x00\x00", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"FEA1", "arrow"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
)
_FOREIGN = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"{\\rtf", "a rich text document"),
)
_TAR = (257, b"ustar")
OFTEN_TEXT = ".xls"
"""The extension of a binary format that many programs give to text tables, so that a spreadsheet program opens them."""


def binary_format(data: bytes, file_name: str) -> str | None:
    """``parquet``, ``arrow``, ``excel``, ``zip`` or ``gzip`` by the first bytes; ``None`` if it may be a text file.

    Raises:
        InputFileError: the type cannot contain a table, or does not match the file extension.
    """
    named = SUFFIXES.get(suffix_of(file_name))
    found = _signature(data, file_name)
    if found is None and named in _ENDINGS and suffix_of(file_name) != OFTEN_TEXT:
        raise InputFileError(
            f"{shown(file_name)} has the extension of {TITLES[named]}, but its content is not one. It may be damaged or "
            "misnamed; export it again, or rename it with the correct extension."
        )
    if found is not None and named is not None and named != found:
        raise InputFileError(
            f"{shown(file_name)} has the extension of {TITLES.get(named, 'a text file')}, but contains {TITLES[found]}. "
            f"Rename it to end in {_ENDINGS[found]}, or save it in the format of its extension."
        )
    return found


def suffix_of(file_name: str) -> str:
    """The extension of a file name in lower case, such as ``.csv``."""
    return PurePath(file_name).suffix.lower()


def shown(file_name: str) -> str:
    """A file name for a message, shortened if it is very long."""
    name = PurePath(file_name).name
    return repr(name if len(name) <= 80 else f"{name[:79]}…")


def _signature(data: bytes, file_name: str) -> str | None:
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_content(data, file_name)
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    for signature, title in _FOREIGN:
        if data.startswith(signature):
            raise _foreign(file_name, title)
    if data[_TAR[0] :].startswith(_TAR[1]):
        raise _foreign(file_name, "a tar archive")
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise _foreign(file_name, "a web page")
    return None


def _zip_content(data: bytes, file_name: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InputFileError(f"{shown(file_name)} is a damaged workbook or zip archive. Export it again.") from None
    if any(name.startswith("xl/") for name in names) or {"mimetype", "content.xml"} <= names:
        return "excel"
    if any(name.startswith("word/") for name in names):
        raise _foreign(file_name, "a Word document")
    return "zip"


def _foreign(file_name: str, title: str) -> InputFileError:
    remedy = "Unpack it and choose the file inside." if "archive" in title else f"Supported formats: {READABLE}."
    return InputFileError(f"{shown(file_name)} is {title}, not a table of texts. {remedy}")
