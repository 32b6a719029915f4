"""From a file to a ``Table``: finds out what the file is and hands it to the reader of that format.

Every cell is read as text, so that ``1``, ``1.0``, ``NA`` and ``None`` stay what they are. What cannot be read is set aside by
record with a reason; nothing is shifted, joined or dropped in silence.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.datasets.building import with_missing
from core.datasets.conll import looks_like_conll, read_conll
from core.datasets.decoding import decode
from core.datasets.delimited import read_delimited
from core.datasets.excel_tables import read_excel
from core.datasets.formats import SUFFIXES, binary_format, shown, suffix_of
from core.datasets.json_tables import read_json, read_json_lines
from core.datasets.parquet_tables import read_parquet
from core.datasets.table import Table
from core.errors import InputFileError

_CONTROL_CHARACTERS = dict.fromkeys(set(range(32)) - {9, 10, 12, 13, 27, 31})


def read_table(
    path: Path,
    *,
    file_name: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    missing: Sequence[str] = (),
    max_mib: int = 200,
) -> Table:
    """Read a file of labelled text.

    Args:
        path: where the file lies.
        file_name: what the person calls it, where ``path`` is only a temporary name.
        encoding: of a text file; found if not given.
        delimiter: of a CSV file; found if not given.
        sheet: of an Excel workbook; the first with content if not given.
        missing: words that mean an empty cell in this file, such as ``NA``; without them they are text like any other.
        max_mib: largest file that is accepted.

    Raises:
        InputFileError: the file is missing, too large, empty, damaged or not what its name says.
    """
    name = Path(file_name or path.name).name
    table = _read(_content(path, name, max_mib), name, encoding=encoding, delimiter=delimiter, sheet=sheet, max_mib=max_mib)
    return with_missing(table, missing)


def _read(data: bytes, name: str, *, encoding: str | None, delimiter: str | None, sheet: str | None, max_mib: int) -> Table:
    binary = binary_format(data, name)
    if binary == "parquet":
        return read_parquet(data, file_name=name, max_mib=max_mib)
    if binary == "excel":
        return read_excel(data, file_name=name, sheet=sheet, max_mib=max_mib)

    decoded = decode(data, encoding)
    _refuse_binary(decoded.text, name)
    reading: dict[str, Any] = {"encoding": decoded.encoding, "encoding_certain": decoded.certain}
    text_format = _text_format(decoded.text, name)
    if text_format == "csv":
        table = read_delimited(decoded.text, file_name=name, delimiter=delimiter, reading=reading)
    elif text_format == "conll":
        table = read_conll(decoded.text, file_name=name, reading=reading)
    else:
        read = read_json if text_format == "json" else read_json_lines
        table = read(decoded.text, file_name=name, reading=reading)
    if table.rows.empty:
        raise InputFileError(f"No record of {shown(name)} can be used; the first: {table.set_aside[0].reason}")
    if not decoded.certain:
        table.notes.append(
            f"The encoding was guessed as {decoded.encoding}. Look whether all letters are right; otherwise choose another."
        )
    return table


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
    if not data.strip():
        raise InputFileError(f"{shown(name)} is empty. Choose a file with texts and labels.")
    return data


def _refuse_binary(text: str, name: str) -> None:
    """Refuse what is no text: more than one character in a hundred is a control character."""
    few = text[:100_000]
    if len(few) - len(few.translate(_CONTROL_CHARACTERS)) > 0.01 * len(few) + 10:
        raise InputFileError(
            f"{shown(name)} is not a text file: it holds control characters throughout. "
            "It may be damaged, or a binary file with the wrong ending."
        )


def _text_format(text: str, name: str) -> str:
    """The format of a text file by its name, checked against its content; by its content alone where the name does not tell."""
    named = SUFFIXES.get(suffix_of(name), "text")
    start = text.lstrip()[:1]
    if named in ("json", "jsonl", "conll"):
        return named
    if start in ("{", "[") and _is_json(text):
        if named == "csv":
            raise InputFileError(
                f"{shown(name)} is named like a table of text, but holds JSON. Rename it to end in .json or .jsonl."
            )
        return "json" if start == "[" else "jsonl"
    return "conll" if suffix_of(name) != ".csv" and looks_like_conll(text) else "csv"


def _is_json(text: str) -> bool:
    for candidate in (text.lstrip().partition("\n")[0], text):
        try:
            return isinstance(json.loads(candidate), list | dict)
        except (ValueError, RecursionError):
            continue
    return False
