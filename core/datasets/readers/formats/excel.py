"""Workbooks (.xlsx, .xlsb, .xls, .ods): one sheet, every cell as text.

Runs in a separate process, see ``sandbox``: a workbook of a few bytes can declare a cell at the far end of a sheet and exhaust
the memory.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any

import python_calamine

from core.datasets.readers.limits import DEFAULT_LIMITS, ReadingLimits, check_num_columns
from core.datasets.readers.raw_table import RawTable
from core.errors import InputFileError
from core.text_format import quoted, short

_LARGEST_EXACT = 10.0**15
"""Largest whole number that a workbook stores exactly; all its numbers are floating point."""


def read_sheet(
    data: bytes,
    *,
    file_name: str,
    sheet: str | None,
    limits: ReadingLimits = DEFAULT_LIMITS,
) -> RawTable:
    """Read one sheet: the requested one, or the first with a row below its header.

    Raises:
        InputFileError: the workbook is damaged, encrypted or empty, has no such sheet, or exceeds the limits.
    """
    try:
        with python_calamine.CalamineWorkbook.from_filelike(BytesIO(data)) as workbook:
            sheets = [one.name for one in workbook.sheets_metadata if one.typ == python_calamine.SheetTypeEnum.WorkSheet]
            if sheet is not None and sheet not in sheets:
                raise InputFileError(f"{file_name!r} has no sheet {short(sheet)}; it has {quoted(sheets)}. Choose one of them.")
            chosen, rows = _first_table(workbook, sheets if sheet is None else [sheet], limits)
    except python_calamine.PasswordError:
        raise InputFileError(
            f"{file_name!r} is password-protected. Save it without one, or as CSV, and choose that file."
        ) from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise InputFileError(f"{file_name!r} is a damaged workbook ({str(error)[:120]}). Save it again, or as CSV.") from None
    if chosen is None:
        raise InputFileError(f"{file_name!r} is empty. Expected a first row with column names and rows below it.")
    if len(rows) < 2:
        raise InputFileError(
            f"Sheet {short(chosen)} of {file_name!r} has a header but no rows below it. Add rows, or choose another sheet."
        )
    width = max(len(cells) for _, cells in rows)
    check_num_columns(width)
    limits.check_cells(len(rows), width)
    header = rows[0][1]
    columns = [[cells[place] if place < len(cells) else None for _, cells in rows[1:]] for place in range(width)]
    return RawTable(
        names=[*header, *[None] * (width - len(header))],
        columns=columns,
        lines=[number for number, _ in rows[1:]],
        reading={"sheet": chosen, "sheets": sheets},
        notes=[f"The workbook has {len(sheets)} sheets; {short(chosen)} was read."] if sheet is None and len(sheets) > 1 else [],
    )


def _first_table(
    workbook: "python_calamine.CalamineWorkbook", sheets: Iterable[str], limits: ReadingLimits
) -> tuple[str | None, list[tuple[int, list[str | None]]]]:
    """Name and non-empty rows, with their numbers, of the first sheet with more than one row, else of the first with any."""
    first: tuple[str | None, list[tuple[int, list[str | None]]]] = None, []
    for name in sheets:
        rows = []
        for number, values in enumerate(workbook.get_sheet_by_name(name).iter_rows(), start=1):
            cells = [_text(value) for value in values]
            while cells and cells[-1] is None:
                cells.pop()
            if cells:
                rows.append((number, cells))
                limits.check_rows(len(rows) - 1)
        if len(rows) > 1:
            return name, rows
        if rows and first[0] is None:
            first = name, rows
    return first


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return str(int(value))
    if isinstance(value, timedelta):
        return str(value)
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)
