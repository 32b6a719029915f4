"""Formats of numbers, times and sizes for display."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal


def score(value: float | None, digits: int = 3) -> str:
    """A score from 0 to 1, such as ``0.941``; a dash for None. Rounded like the tables in the browser."""
    return "–" if value is None else str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def count(number: float) -> str:
    """A whole number with thousands separators, such as ``13,083``."""
    return f"{round(number):,}"


def plural(number: int, singular: str, many: str | None = None) -> str:
    """A counted noun, such as ``1 row`` or ``13,083 rows``."""
    return f"{count(number)} {singular if number == 1 else many or singular + 's'}"


def percent(share: float) -> str:
    """A share from 0 to 1, such as ``83%`` or ``0.4%``; a share above 0 is never shown as ``0%``."""
    if 0 < share < 0.001:
        return "under 0.1%"
    return f"{100 * share:.1f}%" if 0 < share < 0.1 else f"{100 * share:.0f}%"


def duration(seconds: float | None) -> str:
    """A span of time in its two largest units, such as ``4 min 12 s``; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    for size, unit, smaller_size, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit} {rest} {smaller_unit}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def rough_duration(seconds: float) -> str:
    """A rounded estimate, such as ``40 s``, ``4 min`` or ``1.5 h``."""
    if seconds < 50:
        return f"{max(10, round(seconds / 10) * 10)} s"
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago something was: ``just now``, ``3 min ago``, ``2 h ago``, then the date."""
    now = now or datetime.now(UTC)
    seconds = (now - aware(moment)).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    return aware(moment).strftime("%d %b %Y")


def day_and_time(moment: datetime) -> str:
    """When something was, in the time zone of this machine: ``23 Nov 2026, 14:05``. Unlike an age it never changes."""
    return aware(moment).astimezone().strftime("%d %b %Y, %H:%M")


def aware(moment: datetime) -> datetime:
    """The same moment with its time zone; a moment without one is UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def memory(mib: float | None) -> str:
    """An amount of memory, such as ``1.9 GiB``."""
    if mib is None:
        return "–"
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def learning_rate(value: float) -> str:
    """A learning rate as people write it, such as ``2e-4``."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def setting(value: float) -> str:
    """A number as it is typed into a form: ``0.1``, ``32``, ``2e-4``."""
    return learning_rate(value) if 0 < abs(value) < 0.01 else f"{value:g}"


def number(value: float) -> str:
    """A number of any size in a few digits, such as ``230``, ``9.44`` or ``2e-4``."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return count(value)
    return learning_rate(value) if abs(value) < 0.001 else f"{value:.3g}"
