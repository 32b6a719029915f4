"""Telling whoever waits how far a long piece of work is."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called now and then with the share of the work that is done, from 0 to 1, and what is being done, in plain words."""


def SILENT(share: float, doing: str) -> None:  # noqa: N802 - stands for a value: the listener that does not listen
    """Tells nobody."""
    del share, doing


def part_of(progress: Progress, begin: float, end: float) -> Progress:
    """A listener for a part of the work, which tells the whole's listener where between ``begin`` and ``end`` it is."""
    return lambda share, doing: progress(begin + (end - begin) * min(1.0, max(0.0, share)), doing)
