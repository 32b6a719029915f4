"""Where the words of raw text are, for text that comes without tokens: annotated spans, and anything to predict.

A word is a run of letters and digits with their combining marks. A character of a script written without spaces (Chinese
characters and Japanese kana) is a word of its own, and so is every other character that is not white space, so that a span may
begin or end at any sign of punctuation.
"""

import re
import unicodedata
from functools import cache

_WITHOUT_SPACES = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_JOINERS = "\u200c\u200d"
_LAST_MARK_OUTSIDE_SUPPLEMENT = 0x1FFFF
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+|\S")
"""What ``_any_word`` comes to for plain ASCII, several times faster."""


def words(text: str) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every word, in characters, in the order of the text; words never overlap."""
    pattern = _ASCII_WORD if text.isascii() else _any_word()
    return [match.span() for match in pattern.finditer(text)]


@cache
def _any_word() -> re.Pattern[str]:
    """One word. Python's ``\\w`` leaves combining marks out, which would tear Devanagari, Thai and decomposed accents apart."""
    marks = [chr(point) for point in range(0x300, _LAST_MARK_OUTSIDE_SUPPLEMENT + 1) if _is_mark(chr(point))]
    seldom = r"(?![\w\s!-~])"  # asking this first spares the search through all marks at nearly every character
    follows = f"(?:{seldom}[{_JOINERS}{''.join(marks)}\U000e0100-\U000e01ef])"
    letter = f"[^\\W_{_WITHOUT_SPACES}]"
    return re.compile(f"{letter}+(?:{follows}+{letter}*)*|\\S{follows}*")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
