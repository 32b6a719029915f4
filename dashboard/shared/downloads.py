"""Files for download: CSV that is safe to open in a spreadsheet, and JSON."""

import csv
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.datasets.formula_guard import guarded

FORMULA_NOTE = (
    "In CSV and TSV files, an apostrophe is put before text that a spreadsheet could run as a formula: = + - @ at the start of a "
    "cell, or after a semicolon, tab or line break in it."
)


def csv_bytes(table: pd.DataFrame, *, guard: bool = True) -> bytes:
    """The table as UTF-8 CSV with a byte order mark, which spreadsheets need; lists become JSON.

    Args:
        table: what to write.
        guard: whether cells and headers that look like formulas get a leading apostrophe; otherwise they are written unchanged.
    """
    written = table.apply(lambda column: column.map(_cell)) if len(table) else table.copy()
    written.columns = [str(name) for name in table.columns]
    if guard:
        written = written.map(guarded)
        written.columns = [guarded(name) for name in written.columns]
    return written.to_csv(index=False, quoting=csv.QUOTE_ALL).encode("utf-8-sig", "surrogatepass")


def json_bytes(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """A readable JSON file."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain).encode("utf-8", "surrogatepass")


def file_stem(name: str) -> str:
    """The part of a download's file name that comes from a display name: letters, digits, dots and dashes only."""
    kept = "".join(character if character.isalnum() or character in "-_." else "-" for character in name)
    return kept.strip("-.")[:60] or "tuneboard"


def _cell(value: Any) -> Any:
    if hasattr(value, "tolist") and not isinstance(value, str):
        value = value.tolist()
    if isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False, default=_plain)
    return value


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
