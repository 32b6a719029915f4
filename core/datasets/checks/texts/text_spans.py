"""Spans of a text as (start, end) offsets: removing overlaps, and removing spans from the text."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Stretch = TypeVar("Stretch")


def apart_from(
    taken: Sequence[Stretch], others: Iterable[Stretch], borders: Callable[[Stretch], tuple[int, int]]
) -> list[Stretch]:
    """The spans of ``others`` that do not overlap with ``taken``, in one pass over both.

    Args:
        taken: in order, none overlapping another.
        others: the same.
        borders: returns the start and end of a span.
    """
    found = []
    place = 0
    for other in others:
        start, end = borders(other)
        while place < len(taken) and borders(taken[place])[1] <= start:
            place += 1
        if place == len(taken) or end <= borders(taken[place])[0]:
            found.append(other)
    return found


def without_stretches(text: str, stretches: Iterable[tuple[int, int]]) -> str:
    """The text with each of the spans replaced by a space.

    Args:
        text: any text.
        stretches: the spans, in order, none overlapping another.
    """
    pieces, place = [], 0
    for start, end in stretches:
        pieces.append(text[place:start])
        place = end
    return " ".join([*pieces, text[place:]])
