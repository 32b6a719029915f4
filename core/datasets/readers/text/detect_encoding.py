"""Detects the encoding of a text file without a byte order mark.

The bytes are decoded in every common encoding, and each result is scored by the letter frequencies of the languages that use it.
A few words are enough, while detectors for web pages need paragraphs.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from core.datasets.readers.text import letter_frequencies as letters
from core.files.text_patterns import BYTE_BEYOND_ASCII

_SAMPLE_BYTES = 20_000
_ASCII_COST = -3.0
_UNUSUAL = -14.0
_DAMAGED = -25.0
_MIXED_WORD = -4.0
"""Penalty for an ASCII letter directly next to a letter of another script."""
_UPPER_AT_START, _UPPER_AFTER_UPPER, _UPPER_AFTER_LOWER = math.log(0.15), math.log(0.6), math.log(0.005)
_LATIN_SHARE = math.log(0.1)
"""Share of accented letters in languages with the Latin alphabet."""


@dataclass(frozen=True)
class _Reading:
    """An encoding with the letter frequencies of its languages.

    Attributes:
        encoding: Python's name.
        prior: how common such files are, as a logarithm.
        weights: letter -> logarithm of its share.
        rest: the same for a letter not listed, given the encoding's bytes of it.
        latin: whether most letters of the languages are in ASCII.
        cased: whether the script has upper and lower case.
    """

    encoding: str
    prior: float
    weights: Mapping[str, float]
    rest: Callable[[str], float]
    latin: bool = False
    cased: bool = False


def guess_encoding(data: bytes) -> list[str]:
    """Possible encodings of a file, the most likely first."""
    few = telling_lines(data, _SAMPLE_BYTES)
    scores: dict[str, float] = {}
    for reading in _readings():
        score = reading.prior + _likelihood(few, reading)
        scores[reading.encoding] = max(score, scores.get(reading.encoding, -math.inf))
    return sorted(scores, key=lambda name: -scores[name])


def telling_lines(data: bytes, most: int) -> bytes:
    """Lines with non-ASCII bytes, up to about ``most`` bytes."""
    telling, size, place = [], 0, 0
    while size < most and (found := BYTE_BEYOND_ASCII.search(data, place)):
        begin = data.rfind(b"\n", place, found.start()) + 1
        end = data.find(b"\n", found.start())
        place = len(data) if end < 0 else end + 1
        telling.append(data[max(begin, found.start() - most // 2) : min(place, found.start() + most)].rstrip(b"\n"))
        size += len(telling[-1])
    return b"\n".join(telling)


def _likelihood(few: bytes, reading: _Reading) -> float:
    """Log-likelihood of a decoded text, up to a constant."""
    text = few.decode(reading.encoding, errors="replace")
    total, before = 0.0, " "
    for character in text:
        if character <= "\x7f":
            total += _ASCII_COST
            if not reading.latin and character.isalpha() and _is_letter(before):
                total += _MIXED_WORD
        elif character == "\ufffd":
            total += _DAMAGED
        else:
            total += _cost(character, before, reading)
        before = character
    return total


def _cost(character: str, before: str, reading: _Reading) -> float:
    weight = reading.weights.get(character)
    if weight is not None:
        cost = weight
    elif reading.cased and (lower := reading.weights.get(character.lower())) is not None and character.isupper():
        after = _UPPER_AFTER_UPPER if before.isupper() else _UPPER_AFTER_LOWER if before.islower() else _UPPER_AT_START
        cost = lower + after
    else:
        return reading.rest(character)
    if reading.latin and character.isalpha():
        return cost + _LATIN_SHARE + (-2.0 if before > "\x7f" and before.isalpha() else 0.0)
    return cost + (_MIXED_WORD if before.isascii() and before.isalpha() and _is_letter(character) else 0.0)


def _is_letter(character: str) -> bool:
    """Whether a non-ASCII character belongs to a word; vowel signs do, although Python does not count them as letters."""
    return character > "\x7f" and character not in letters.SIGNS and character not in letters.WIDE_SIGNS


@cache
def _readings() -> tuple[_Reading, ...]:
    signs = _shares(letters.SIGNS, 0.05, 1.0)
    wide = _shares(letters.WIDE_SIGNS, 0.12, 0.9)
    simplified = {**_shares(letters.TRADITIONAL, 0.03, 0.995), **_shares(letters.SIMPLIFIED, 0.7, 0.995), **wide}
    traditional = {**_shares(letters.TRADITIONAL, 0.7, 0.995), **wide}
    japanese = {
        **_shares(letters.JAPANESE_KANJI, 0.2, 0.99),
        **_shares(letters.KATAKANA, 0.2, 0.96),
        **_shares(letters.HIRAGANA, 0.45, 0.95),
        **wide,
    }
    korean = {**_shares(letters.HANGUL, 0.75, 0.985), **_shares(letters.WIDE_SIGNS, 0.02, 0.9)}
    cyrillic = {**_shares(letters.CYRILLIC, 0.95, 0.9), **signs}
    return (
        _Reading("gb18030", 0.0, simplified, _rare("gb2312", 0xB0, 0xD7, 0.2 / 3755)),
        _Reading("cp932", -0.5, japanese, _rare("shift_jis", 0x88, 0x98, 0.1 / 2965)),
        _Reading("big5", -1.0, traditional, _rare("big5", 0xA4, 0xC6, 0.2 / 5401)),
        _Reading("cp949", -1.0, korean, _rare("euc_kr", 0xB0, 0xC8, 0.2 / 2350)),
        _Reading("euc_jp", -2.0, japanese, _rare("euc_jp", 0xB0, 0xCF, 0.1 / 2965)),
        *(_latin("cp1252", 0.0, alphabet) for alphabet in letters.WESTERN),
        _Reading("cp1251", -1.0, cyrillic, _unusual, cased=True),
        _Reading("koi8_r", -7.0, cyrillic, _unusual, cased=True),
        *(_latin("cp1250", -2.0, alphabet) for alphabet in letters.CENTRAL),
        _latin("cp1254", -2.0, letters.TURKISH),
        *(_latin("cp1257", -3.0, alphabet) for alphabet in letters.BALTIC),
        _Reading("cp1253", -2.0, {**_shares(letters.GREEK, 0.95, 0.9), **signs}, _unusual, cased=True),
        _Reading("cp1255", -2.0, {**_shares(letters.HEBREW, 0.95, 0.92), **signs}, _unusual),
        _Reading("cp1256", -2.0, {**_shares(letters.ARABIC, 0.95, 0.92), **_shares("،؟؛", 0.02, 1.0), **signs}, _unusual),
        _Reading("cp874", -2.0, {**_shares(letters.THAI, 0.95, 0.94), **signs}, _unusual),
    )


def _latin(encoding: str, prior: float, alphabet: str) -> _Reading:
    """A language with these accented letters, and some accented letters of other languages."""
    weights = {
        **_shares("".join((*letters.WESTERN, *letters.CENTRAL)), 0.02, 1.0),
        **_shares(alphabet, 0.93, 0.87),
        **_shares(letters.SIGNS, 0.05, 1.0),
    }
    return _Reading(encoding, prior, weights, _unusual, latin=True, cased=True)


def _shares(in_order: str, total: float, ratio: float) -> dict[str, float]:
    """Logarithms of shares that decrease by a ratio from letter to letter and sum to a total."""
    distinct = list(dict.fromkeys(in_order))
    shares = [ratio**place for place in range(len(distinct))]
    return {letter: math.log(total * share / sum(shares)) for letter, share in zip(distinct, shares, strict=True)}


def _unusual(character: str) -> float:
    del character
    return _UNUSUAL


def _rare(encoding: str, first: int, last: int, share: float) -> Callable[[str], float]:
    """Penalty for a character that is not listed: lower in the block of common characters of the national standard."""

    @cache
    def cost(character: str) -> float:
        try:
            lead = character.encode(encoding)
        except UnicodeEncodeError:
            return 1.5 * _UNUSUAL
        return math.log(share) if len(lead) == 2 and first <= lead[0] <= last else _UNUSUAL

    return cost
