"""Unicode normalization in linear time.

Python sorts the combining marks after a letter in quadratic time: 100,000 of them take most of a minute, and a cell may contain a
million. Here at most a thousand characters are normalized at a time.

Source: Unicode Standard Annex 15, section 13 (stream-safe text: no text of any language has more than 30 marks in a row).
"""

import unicodedata
from collections.abc import Iterator
from typing import Literal

from core.files.text_patterns import SURE_START

LONGEST_PIECE = 1000
"""Number of characters that are normalised at a time. So many marks take Python less than a millisecond."""


def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
    """A text in a normal form.

    It differs from ``unicodedata.normalize`` only if a thousand consecutive characters could each combine with the one before: a
    stack of marks that no language has, or so many decomposed Korean letters without a space.
    """
    if text.isascii():
        return text
    if len(text) <= LONGEST_PIECE:
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, piece) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """Pieces that begin with a character that never combines with the one before, if there is one."""
    begin = 0
    while len(text) - begin > LONGEST_PIECE:
        window = text[begin : begin + LONGEST_PIECE + 1]
        *_, last = [0, *(match.start() for match in SURE_START.finditer(window))]
        end = begin + (last or LONGEST_PIECE)
        yield text[begin:end]
        begin = end
    yield text[begin:]
