"""Text normalization for comparisons: case, width, white space and punctuation are ignored."""

import unicodedata

from core.files.normal_forms import normalize
from core.files.text_patterns import LONG_NUMBER, NO_LETTER, WHITE_SPACE

LONGEST_SHOWN = 280
"""Most characters of a text that a finding shows."""


def canonical(text: str) -> str:
    """The text in lower case and normal width, without punctuation, its words separated by single spaces.

    Numbers of three digits and more become ``0``, because form letters often differ only in a customer number.
    """
    return LONG_NUMBER.sub("0", NO_LETTER.sub(" ", normalize("NFKC", text).casefold()).strip())


def shown(text: str, longest: int = LONGEST_SHOWN) -> str:
    """A text on one line, shortened to fit a list."""
    line = WHITE_SPACE.sub(" ", text[: 4 * longest]).strip()
    return line if len(line) <= longest and len(text) <= 4 * longest else f"{line[: longest - 1]}…"


def has_content(text: str) -> bool:
    """Whether there is a letter, a digit or another meaningful character, such as an emoji."""
    return any(character.isalnum() or unicodedata.category(character) in {"So", "Sk", "Sc"} for character in text)
