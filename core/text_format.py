"""Formatting of values in messages: shortened, quoted, counted, listed."""

from collections.abc import Iterable, Sequence

LONGEST_SHOWN = 100
"""Maximum length of a value in a message."""


def shown(value: object, most: int = LONGEST_SHOWN) -> str:
    """A value from a user or a file for a message: its ``repr``, at most one line long.

    Args:
        value: the value, of any length.
        most: maximum number of characters.
    """
    if isinstance(value, str):
        return repr(value if len(value) <= most else f"{value[: most - 1]}…")
    written = repr(value)
    return written if len(written) <= most else f"{written[: most - 1]}…"


def short(value: str, length: int = 40) -> str:
    """A value in quotation marks, shortened to fit a message."""
    return repr(value if len(value) <= length else f"{value[: length - 1]}…")


def quoted(values: Iterable[str], most: int = 12) -> str:
    """Values in quotation marks, separated by commas; a long list is shortened."""
    known = list(values)
    shown = ", ".join(short(value) for value in known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"


def listed(records: Sequence[int], most: int = 10) -> str:
    """Record numbers for a note: ``record 3``, ``records 3, 5 and 20 more``."""
    shown = ", ".join(map(str, records[:most]))
    more = len(records) - most
    return f"record {shown}" if len(records) == 1 else f"records {shown}" + (f" and {more:,} more" if more > 0 else "")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
