"""Unicode normal forms in time that grows with the text.

Python puts the combining marks after a letter in order by moving each past all others: 100,000 of them take most of a minute,
and a cell may hold a million. Here no more than a thousand are looked at together.

Source: Unicode Standard Annex 15, section 13 (stream-safe text: no text of any language has more than 30 marks in a row).
"""

import unicodedata
from collections.abc import Iterator
from typing import Literal

from core.files.text_patterns import SURE_START

LONGEST_PIECE = 1000
"""Characters that are normalised together. What Python does with so many marks takes less than a millisecond."""


def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
    """A text in a normal form.

    It differs from ``unicodedata.normalize`` only where a thousand characters in a row could each belong to the one before: a
    stack of marks as no language has it, or so many Korean letters written in parts without a space.
    """
    if text.isascii():
        return text
    if len(text) <= LONGEST_PIECE:
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """Pieces that begin with a character which joins no other before it, as far as there is one."""
    begin = 0
    while len(text) - begin > LONGEST_PIECE:
        window = text[begin : begin + LONGEST_PIECE + 1]
        *_, last = [0, *(match.start() for match in SURE_START.finditer(window))]
        end = begin + (last or LONGEST_PIECE)
        yield text[begin:end]
        begin = end
    yield text[begin:]
