"""Detects the script of a text."""

import unicodedata
from collections import Counter
from functools import cache

_NAMES = {
    "CJK": "Chinese characters",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari",
    "THAI": "Thai",
}
_SAID_OTHERWISE = {
    "FULLWIDTH",
    "HALFWIDTH",
    "MATHEMATICAL",
    "MODIFIER",
    "MICRO",
    "FEMININE",
    "MASCULINE",
    "SUPERSCRIPT",
    "SUBSCRIPT",
}
"""Prefixes of Unicode names that describe a letter's form, not its script."""

JAPANESE, CHINESE, KOREAN = "Japanese", "Chinese characters", "Korean"


def letters_by_script(text: str) -> Counter[str]:
    """Script -> number of its letters in the text."""
    if text.isascii():
        return Counter({"Latin": number} if (number := sum(map(str.isalpha, text))) else {})
    found: Counter[str] = Counter()
    for letter, number in Counter(text).items():
        if script := script_of(letter):
            found[script] += number
    return found


def main_script(text: str) -> str | None:
    """The most frequent script; Chinese characters together with kana are Japanese. ``None`` for a text without letters."""
    found = letters_by_script(text)
    if not found:
        return None
    if found[JAPANESE] >= 0.1 * (found[JAPANESE] + found[CHINESE]) and found[JAPANESE]:
        found[JAPANESE] += found.pop(CHINESE, 0)
    return max(found, key=lambda script: (found[script], script))


@cache
def script_of(letter: str) -> str | None:
    """Name of a letter's script; ``None`` for other characters."""
    if not letter.isalpha():
        return None
    first, *rest = unicodedata.name(letter, "UNKNOWN").split()
    if first in _SAID_OTHERWISE:
        first = rest[0] if rest else first
        first = (
            "LATIN" if len(first) == 1 or first in {"BOLD", "ITALIC", "LETTER", "SIGN", "ORDINAL", "SMALL", "CAPITAL"} else first
        )
    return _NAMES.get(first, first.capitalize())
