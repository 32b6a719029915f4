"""Where two texts differ, word by word, with the invisible made visible: what a before-and-after view draws."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from core.files.text_patterns import WORD_SPACE_OR_SIGN

_LONGEST_COMPARED = 6000
_MOST_WORK = 20_000_000
"""Steps of the comparison, about a second."""
_CONTEXT = 60

_VISIBLE = {" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "␍", "\u00a0": "⍽", "\u3000": "⍽", "\u200b": "◦", "\ufeff": "◦", "\u00ad": "◦"}


class Piece(NamedTuple):
    """A stretch of text that stayed, went or came."""

    kind: Literal["same", "removed", "added"]
    text: str


def differences(before: str, after: str, *, context: int = _CONTEXT) -> list[Piece]:
    """The pieces of two texts in order; long stretches that stayed are cut to what stands around a difference.

    Texts of more than a few thousand characters are compared at their beginnings only.
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
    """How one list becomes the other, as ``SequenceMatcher.get_opcodes`` says it.

    Two texts that repeat a few words in another order would take it minutes: there, all that stands between their first and their
    last difference is told as one.
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
    """Steps that ``SequenceMatcher`` takes at most; in long lists it leaves out what makes up more than a hundredth."""
    counts = Counter(new)
    popular = len(new) // 100 + 1 if len(new) >= 200 else len(new)
    return sum(number for piece in old if (number := counts[piece]) <= popular) * min(len(old), len(new))


def visible(text: str) -> str:
    """A changed stretch in which white space that stands alone, at an edge or in a run can be seen."""
    if not text.strip():
        return "".join(_VISIBLE.get(character, "⍽") for character in text)
    return "".join(_VISIBLE.get(character, character) if character not in " \n" else character for character in text)


def _cut(pieces: Sequence[Piece], context: int) -> list[Piece]:
    """Unchanged stretches, shortened in the middle, or at the side that touches no difference."""
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
