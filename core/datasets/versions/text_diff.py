"""Word-by-word diff of two texts, with invisible characters made visible, for before-and-after views."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from core.files.text_patterns import WORD_SPACE_OR_SIGN

_LONGEST_COMPARED = 6000
_MOST_WORK = 20_000_000
"""Maximum number of comparison steps, about a second."""
_CONTEXT = 60

_VISIBLE = {" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "␍", "\u00a0": "⍽", "\u3000": "⍽", "\u200b": "◦", "\ufeff": "◦", "\u00ad": "◦"}


class Piece(NamedTuple):
    """A piece of text that is unchanged, removed or added."""

    kind: Literal["same", "removed", "added"]
    text: str


def differences(before: str, after: str, *, context: int = _CONTEXT) -> list[Piece]:
    """The pieces of two texts in order; long unchanged pieces are shortened to the context of a difference.

    Of texts with more than a few thousand characters, only the beginnings are compared.
    """
    old = WORD_SPACE_OR_SIGN.findall(before[:_LONGEST_COMPARED])
    new = WORD_SPACE_OR_SIGN.findall(after[:_LONGEST_COMPARED])
    found: list[Piece] = []
    for operation, first, last, start, end in _operations(old, new):
        if operation == "equal":
            found.append(Piece("same", "".join(old[first:last])))
            continue
        if first < last:
            found.append(Piece("removed", visible("".join(old[first:last]))))
        if start < end:
            found.append(Piece("added", visible("".join(new[start:end]))))
    return _cut(found, context)


def _operations(old: list[str], new: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """The edit operations between two lists, as from ``SequenceMatcher.get_opcodes``.

    For two texts that repeat a few words in another order, it would take minutes; then everything between the first and the last
    difference is one operation.
    """
    shorter = min(len(old), len(new))
    begin = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    left = shorter - begin
    end = next((place for place in range(left) if old[-1 - place] != new[-1 - place]), left)
    if begin:
        yield "equal", 0, begin, 0, begin
    one, other = old[begin : len(old) - end], new[begin : len(new) - end]
    if one or other:
        operations: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, len(one), 0, len(other))]
        if _work(one, other) <= _MOST_WORK:
            operations = SequenceMatcher(None, one, other).get_opcodes()
        for operation, first, last, start, stop in operations:
            yield operation, begin + first, begin + last, begin + start, begin + stop
    if end:
        yield "equal", len(old) - end, len(old), len(new) - end, len(new)


def _work(old: list[str], new: list[str]) -> int:
    """Upper bound of the steps of ``SequenceMatcher``; in long lists it ignores items that make up more than 1%."""
    counts = Counter(new)
    popular = len(new) // 100 + 1 if len(new) >= 200 else len(new)
    return sum(number for piece in old if (number := counts[piece]) <= popular) * min(len(old), len(new))


def visible(text: str) -> str:
    """A changed piece with visible white space where it is alone, at an edge or in a run."""
    if not text.strip():
        return "".join(_VISIBLE.get(character, "⍽") for character in text)
    return "".join(_VISIBLE.get(character, character) if character not in " \n" else character for character in text)


def _cut(pieces: Sequence[Piece], context: int) -> list[Piece]:
    """Unchanged pieces, shortened in the middle, or at the side that is not next to a difference."""
    cut = []
    for place, piece in enumerate(pieces):
        text = piece.text
        at_start, at_end = place == 0, place == len(pieces) - 1
        if piece.kind == "same" and len(text) > 2 * context:
            head = "" if at_start and not at_end else text[:context]
            tail = "" if at_end and not at_start else text[-context:]
            if at_start and at_end:
                head, tail = text[: 2 * context], ""
            text = f"{head}…{tail}"
        elif piece.kind != "same" and len(text) > 6 * context:
            text = f"{text[: 5 * context]}…"
        cut.append(Piece(piece.kind, text))
    return cut
