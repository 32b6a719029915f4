"""Parses dates and times in common formats from text cells.

Supported are ISO 8601 with or without a time and zone, dates with the day or the month first, English month names, Chinese and
Japanese dates, the dates of e-mails, seconds or milliseconds since 1970, and Excel's day numbers. Without a time zone, UTC is
assumed. Whether 3/4/2024 is in March or April is decided for a whole column, never for a single cell.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from core.errors import DatasetError
from core.files.text_patterns import COMPACT_DATE, NAMED_MONTH, NUMBER, TIME_OF_DAY, YEAR_FIRST, YEAR_LAST
from core.text_format import quoted, short

ORDERS = ("auto", "day first", "month first")
"""How dates such as 3/4/2024 are read."""

_LONGEST = 100
"""Maximum length of a cell with a date or time; a longer one is a text."""
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EXCEL_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_EXCEL_DAYS = (20_000, 80_000)
"""Day numbers from 1954 to 2119."""
_SECONDS = (1e8, 1e10)
"""Seconds since 1970, from 1973 to 2286; a thousand times as many are milliseconds."""


def parse_times(cells: Iterable[str | None], *, order: str = "auto", column: str = "") -> list[datetime | None]:
    """The date or time of each cell, ``None`` if it is empty or not a date.

    Args:
        cells: of one column.
        order: one of ``ORDERS``; detected from the column if ``auto``.
        column: its name, for the message.

    Raises:
        DatasetError: the column has dates such as 3/4/2024, and it is unclear which number is the day.
    """
    known = list(cells)
    day_first = _day_first(known, order, column)
    read: dict[str, datetime | None] = {cell: _parse(cell.strip(), day_first) for cell in set(known) if cell is not None}
    return [None if cell is None else read[cell] for cell in known]


def _day_first(cells: list[str | None], order: str, column: str) -> bool:
    if order != "auto":
        return order == "day first"
    dotted, evidence = False, set()
    open_cell: str | None = None
    for cell in {cell for cell in cells if cell is not None}:
        parts = _year_last_parts(cell.strip())
        if parts is None:
            continue
        first, sign, second, *_ = parts
        if first > 12 >= second:
            evidence.add(True)
        elif second > 12 >= first:
            evidence.add(False)
        elif first != second:
            open_cell, dotted = cell, dotted or sign == "."
    if len(evidence) == 1:
        return evidence.pop()
    if open_cell is None or (dotted and not evidence):
        return dotted  # dates with points always have the day first
    found = "both orders of day and month" if evidence else f"dates such as {short(open_cell)}"
    raise DatasetError(
        f"Column {column!r} contains {found}, so it is unclear which number is the day. "
        "Choose whether the day or the month comes first, or write the dates as 2024-04-03."
    )


def _parse(cell: str, day_first: bool) -> datetime | None:
    if len(cell) > _LONGEST:
        return None
    for read in (_iso, _number, _year_first, lambda text: _year_last(text, day_first), _named_month, _mail_date):
        try:
            found = read(cell)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        if found is not None:
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None


def _iso(cell: str) -> datetime | None:
    return None if NUMBER.fullmatch(cell) else datetime.fromisoformat(cell)


def _number(cell: str) -> datetime | None:
    if not NUMBER.fullmatch(cell):
        return None
    if COMPACT_DATE.fullmatch(cell):
        return datetime.strptime(cell, "%Y%m%d").replace(tzinfo=UTC)
    value = float(cell)
    if _EXCEL_DAYS[0] <= value <= _EXCEL_DAYS[1]:
        return _EXCEL_DAY_ZERO + timedelta(days=value)
    for scale in (1.0, 1e3, 1e6):
        if _SECONDS[0] <= value / scale <= _SECONDS[1]:
            return datetime.fromtimestamp(value / scale, UTC)
    return None


def _year_first(cell: str) -> datetime | None:
    match = YEAR_FIRST.fullmatch(cell)
    return None if match is None else _moment(int(match[1]), int(match[2]), int(match[3]), match[4])


def _year_last(cell: str, day_first: bool) -> datetime | None:
    parts = _year_last_parts(cell)
    if parts is None:
        return None
    first, _, second, year, time = parts
    day, month = (first, second) if day_first else (second, first)
    return _moment(_full_year(year), month, day, time)


def _year_last_parts(cell: str) -> tuple[int, str, int, str, str | None] | None:
    """First number, separator, second number, year and time; the same separator is between all numbers of a date."""
    match = YEAR_LAST.fullmatch(cell) if len(cell) <= _LONGEST else None
    if match is None or match[2] != match[4]:
        return None
    return int(match[1]), match[2], int(match[3]), match[5], match[6]


def _named_month(cell: str) -> datetime | None:
    match = NAMED_MONTH.fullmatch(cell)
    if match is None:
        return None
    month = _MONTH_NAMES.index((match["month"] or match["month2"])[:3].lower()) + 1
    return _moment(_full_year(match["year"]), month, int(match["day"] or match["day2"]), match["time"])


_mail_date: Callable[[str], datetime] = parsedate_to_datetime


def _moment(year: int, month: int, day: int, time: str | None) -> datetime | None:
    start = datetime(year, month, day, tzinfo=UTC)
    if not time:
        return start
    match = TIME_OF_DAY.fullmatch(time.strip())
    if match is None:
        return None
    hour = int(match[1])
    if match[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[5][0].lower() == "p" else 0)
    moment = start.replace(hour=hour, minute=int(match[2]), second=int(match[3] or 0))
    return moment - _offset(match[6])


def _offset(zone: str | None) -> timedelta:
    if not zone or zone.lower() in ("z", "utc", "gmt"):
        return timedelta()
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timedelta(minutes=minutes if zone[0] == "+" else -minutes)


def _full_year(year: str) -> int:
    number = int(year)
    if len(year) == 4:
        return number
    return number + (1900 if number >= 70 else 2000)


def unreadable(column: str, cells: Iterable[str]) -> str:
    """The message for a column that cannot be read as dates or times."""
    return (
        f"Column {column!r} contains {quoted(cells, 3)}, which is not a date or time. Expected dates such as 2024-04-03, "
        "03.04.2024 or 3 Apr 2024, with or without a time. Choose another column, or correct these cells."
    )
