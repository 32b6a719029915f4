"""Progress reporting of long operations."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called occasionally with the completed fraction, from 0 to 1, and the current step as text."""


def SILENT(share: float, doing: str) -> None:  # noqa: N802 - used like a constant: a callback that does nothing
    """Ignore the progress."""
    del share, doing


def part_of(progress: Progress, begin: float, end: float) -> Progress:
    """A callback for one part of an operation, scaled to the range from ``begin`` to ``end`` of the whole."""
    return lambda share, doing: progress(begin + (end - begin) * min(1.0, max(0.0, share)), doing)
