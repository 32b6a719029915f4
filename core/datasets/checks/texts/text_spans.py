"""Stretches of a text, as first character and end: which of them lie apart from others, and the text without them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Stretch = TypeVar("Stretch")


def apart_from(
    taken: Sequence[Stretch], others: Iterable[Stretch], borders: Callable[[Stretch], tuple[int, int]]
) -> list[Stretch]:
    """Those of the others that share no character with a stretch taken before, in one pass over both.

    Args:
        taken: in order, none overlapping another.
        others: the same.
        borders: first character and end of a stretch.
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
    """The text with a space for each of some stretches.

    Args:
        text: any text.
        stretches: in order, none overlapping another.
    """
    pieces, place = [], 0
    for start, end in stretches:
        pieces.append(text[place:start])
        place = end
    return " ".join([*pieces, text[place:]])
