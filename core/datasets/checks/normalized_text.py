"""What makes two texts the same to a reader: capitals, width, white space and punctuation left aside."""

import unicodedata

from core.files.normal_forms import normalize
from core.files.text_patterns import LONG_NUMBER, NO_LETTER, WHITE_SPACE

LONGEST_SHOWN = 280
"""Characters of a text that a finding shows."""


def canonical(text: str) -> str:
    """The text in one width and without capitals, its words parted by single spaces, punctuation gone.

    Numbers of three digits and more become ``0``, because a letter sent to a thousand customers differs in nothing else.
    """
    return LONG_NUMBER.sub("0", NO_LETTER.sub(" ", normalize("NFKC", text).casefold()).strip())


def shown(text: str, longest: int = LONGEST_SHOWN) -> str:
    """A text on one line, cut to a length that fits a list."""
    line = WHITE_SPACE.sub(" ", text[: 4 * longest]).strip()
    return line if len(line) <= longest and len(text) <= 4 * longest else f"{line[: longest - 1]}…"


def has_content(text: str) -> bool:
    """Whether there is a letter, a digit or another sign that says something, such as an emoji."""
    return any(character.isalnum() or unicodedata.category(character) in {"So", "Sk", "Sc"} for character in text)
