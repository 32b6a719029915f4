"""Excel workbooks: one sheet, every cell as text."""

import warnings
import zipfile
from datetime import date, datetime, time
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl

from core.datasets.building import build_table, column_names
from core.datasets.table import Table
from core.errors import InputFileError

_GROWTH_ALLOWED = 50
"""How many times the upload limit a workbook may take unpacked; it is a zip archive, and some are made to fill the memory."""


def read_excel(data: bytes, *, file_name: str, sheet: str | None, max_mib: int) -> Table:
    """Read one sheet: the one asked for, or the first that holds anything.

    Raises:
        InputFileError: the workbook is damaged, has no such sheet, or nothing in it.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > _GROWTH_ALLOWED * max_mib * 2**20:
            raise InputFileError(f"{file_name!r} unpacks to {unpacked / 2**20:,.0f} MiB, which is too much. Save it as CSV.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of drawings and validations, which do not matter here
            workbook = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True)
            try:
                sheets = {worksheet.title: worksheet for worksheet in workbook.worksheets}
                if sheet is not None and sheet not in sheets:
                    raise InputFileError(
                        f"{file_name!r} has no sheet {sheet!r}; it has {', '.join(map(repr, sheets))}. Choose one of them."
                    )
                chosen, rows = _first_filled({sheet: sheets[sheet]} if sheet is not None else sheets)
            finally:
                workbook.close()
    except InputFileError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError, AttributeError, ParseError) as error:
        raise InputFileError(
            f"{file_name!r} is a damaged Excel workbook ({type(error).__name__}). Save it again, or as CSV."
        ) from None
    if chosen is None:
        raise InputFileError(f"{file_name!r} is empty. Expected a first row with column names and rows below it.")
    if len(rows) < 2:
        raise InputFileError(
            f"Sheet {chosen!r} of {file_name!r} has a header but no rows below it. Add rows, or choose another sheet."
        )

    width = max(len(cells) for _, cells in rows)
    names, notes = column_names([*rows[0][1], *[None] * (width - len(rows[0][1]))])
    body = [(record, cells + [None] * (width - len(cells))) for record, (_, cells) in enumerate(rows[1:], start=1)]
    lines = {record: row for record, (row, _) in enumerate(rows[1:], start=1)}
    if sheet is None and len(sheets) > 1:
        notes.append(f"The workbook has {len(sheets)} sheets; {chosen!r} was read.")
    reading = {"sheet": chosen, "sheets": list(sheets)}
    return build_table(names, body, file_name=file_name, file_format="excel", reading=reading, notes=notes, lines=lines)


def _first_filled(sheets: dict[str, Any]) -> tuple[str | None, list[tuple[int, list[str | None]]]]:
    """Title and filled rows, with their numbers, of the first sheet that has any."""
    for title, worksheet in sheets.items():
        worksheet.reset_dimensions()  # some programs write a wrong size, and cells beyond it would be lost
        rows = []
        for number, values in enumerate(worksheet.iter_rows(values_only=True), start=1):
            cells = [_text(value) for value in values]
            while cells and cells[-1] is None:
                cells.pop()
            if cells:
                rows.append((number, cells))
        if rows:
            return title, rows
    return None, []


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
