"""From bytes to text: detects the encoding of a text file and decodes it, as a whole or line by line."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from itertools import chain, count, islice

from core.datasets.readers.text.detect_encoding import guess_encoding, telling_lines
from core.errors import InputFileError
from core.files.text_patterns import TEXT_CODEC

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)
"""Byte order mark -> name of the encoding, and the codec of the rest."""

_CHUNK = 2**20
_SAMPLE_BYTES = 100_000
_DAMAGE_TOLERATED = 0.2
"""Ratio of damaged to valid non-ASCII characters up to which a file still counts as UTF-8."""
_GUESS_DAMAGE_TOLERATED = 0.02
"""The same for encodings that are guessed or chosen, where invalid bytes more likely mean a wrong encoding."""


def _mark_damage(error: UnicodeError) -> tuple[str, int]:
    """Each byte that cannot be decoded becomes a lone low surrogate, which valid text does not contain."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


DAMAGE = "tuneboard-damage"
codecs.register_error(DAMAGE, _mark_damage)


@dataclass(frozen=True)
class Decoded:
    """A text file with its encoding. It is decoded on demand, since a large text takes much memory.

    Attributes:
        data: the whole file.
        encoding: Python's name of the encoding.
        certain: whether the bytes prove the encoding; otherwise it is a guess that the user should check.
        codec: what decodes the bytes after the byte order mark.
        start: length of the byte order mark.
        damaged: whether some bytes cannot be decoded; they become lone surrogates U+DC00 to U+DCFF, and the reader skips their
            records.
    """

    data: bytes = field(repr=False)
    encoding: str
    certain: bool
    codec: str
    start: int = 0
    damaged: bool = False

    @property
    def text(self) -> str:
        """The whole text, without byte order mark."""
        return self.data[self.start :].decode(self.codec, self._errors)

    def head(self, characters: int) -> str:
        """The beginning of the text."""
        few = self.data[self.start : self.start + 4 * characters]
        text = codecs.getincrementaldecoder(self.codec)(self._errors).decode(few)
        return text[:characters]

    def lines(self, at: Callable[[float], None] | None = None) -> Iterator[str]:
        """The lines with their line breaks, of any kind.

        Args:
            at: called occasionally with the fraction of the file that has been read.
        """
        raw = BytesIO(self.data)
        raw.seek(self.start)
        wrapper = TextIOWrapper(raw, encoding=self.codec, errors=self._errors, newline="")
        if at is None:
            return wrapper

        def some_at_a_time() -> Iterator[list[str]]:
            for number in count():
                if number % 100 == 0:
                    at(raw.tell() / len(self.data))
                if not (lines := list(islice(wrapper, 200))):
                    return
                yield lines

        return chain.from_iterable(some_at_a_time())

    @property
    def _errors(self) -> str:
        return DAMAGE if self.damaged else "strict"


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """Detect the encoding of a text file: by its byte order mark, else UTF-8 if valid, else from letter frequencies.

    Args:
        data: the whole file.
        encoding: the user's choice, if any.

    Raises:
        InputFileError: the chosen encoding is unknown or does not fit, or the file contradicts its own byte order mark.
    """
    if encoding is not None:
        return _decode_as(data, encoding)
    for mark, name, codec in _MARKS:
        if data.startswith(mark):
            return _with_few_damages(data, name, codec, len(mark), _DAMAGE_TOLERATED, certain=True)
    if wide := _wide_encoding(data):  # before UTF-8, since the bytes of many UTF-16 texts are also valid UTF-8
        return _with_few_damages(data, wide, wide, 0, _GUESS_DAMAGE_TOLERATED, certain=True)
    if data.isascii() or first_misfit(data, "utf-8") is None:
        return Decoded(data, "utf-8", certain=True, codec="utf-8")
    if _damage(telling_lines(data, _SAMPLE_BYTES), "utf-8") <= _DAMAGE_TOLERATED:
        return Decoded(data, "utf-8", certain=True, codec="utf-8", damaged=True)
    for guessed in guess_encoding(data):
        if first_misfit(data, guessed) is None:
            return Decoded(data, guessed, certain=False, codec=guessed)
        if _damage(data, guessed) <= _GUESS_DAMAGE_TOLERATED:
            return Decoded(data, guessed, certain=False, codec=guessed, damaged=True)
    return Decoded(data, "latin-1", certain=False, codec="latin-1")


def first_misfit(data: bytes, codec: str, start: int = 0) -> int | None:
    """Position of the first byte that is not valid in an encoding, or ``None``; decodes only a part of the text at a time."""
    decoder = codecs.getincrementaldecoder(codec)()
    for begin in range(start, max(len(data), 1), _CHUNK):
        pending = len(decoder.getstate()[0])
        piece = data[begin : begin + _CHUNK]
        try:
            decoder.decode(piece, final=begin + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return begin - pending + error.start
    return None


def _decode_as(data: bytes, encoding: str) -> Decoded:
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if not TEXT_CODEC.fullmatch(name):
        raise InputFileError(f"Unknown encoding {encoding!r}. Try utf-8, cp1252, gb18030 or shift_jis.")
    codec, start = name, 0
    for mark, marked, plain in _MARKS:
        if data.startswith(mark) and name in (marked, plain):
            codec, start = plain, len(mark)
            break
    codec = {"utf-8-sig": "utf-8", "utf-16": _wide_encoding(data) or "utf-16-le", "utf-32": "utf-32-le"}.get(codec, codec)
    return _with_few_damages(data, name, codec, start, _GUESS_DAMAGE_TOLERATED, certain=True)


def _with_few_damages(data: bytes, name: str, codec: str, start: int, tolerated: float, *, certain: bool) -> Decoded:
    """The file in a given encoding, unless more than a few bytes are invalid in it.

    Raises:
        InputFileError: too many bytes are invalid.
    """
    misfit = first_misfit(data, codec, start)
    if misfit is not None and _damage(data[start:], codec) > tolerated:
        raise InputFileError(
            f"The file is not in {name}: byte {misfit + 1:,} is not valid. Choose another encoding, or use automatic detection."
        )
    return Decoded(data, name, certain=certain, codec=codec, start=start, damaged=misfit is not None)


def _damage(data: bytes, codec: str) -> float:
    """Ratio of damaged to valid non-ASCII characters."""
    decoder = codecs.getincrementaldecoder(codec)(DAMAGE)
    damaged = good = 0
    for begin in range(0, len(data), _CHUNK):
        text = decoder.decode(data[begin : begin + _CHUNK], final=begin + _CHUNK >= len(data))
        found = len(text) - len(text.encode("utf-32-le", "ignore")) // 4
        damaged += found
        good += len(text) - len(text.encode("ascii", "ignore")) - found
    return damaged / good if good else float(damaged > 0) * 1e9


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: the zero bytes of its ASCII characters are at every other position."""
    few = data[:_SAMPLE_BYTES]
    if 0 not in few:
        return None
    half = max(1, len(few) // 2)
    even, odd = few[0::2].count(0) / half, few[1::2].count(0) / half
    if odd > 0.2 and even < 0.02:
        return "utf-16-le"
    if even > 0.2 and odd < 0.02:
        return "utf-16-be"
    return _wide_by_line_ends(few)


def _wide_by_line_ends(few: bytes) -> str | None:
    """UTF-16 of non-ASCII letters: nearly all zero bytes belong to line breaks, spaces and commas."""
    zeros = few.count(0)
    for codec, line_end in (("utf-16-le", b"\n\0"), ("utf-16-be", b"\0\n")):
        # Characters begin at even positions, so only line breaks at even positions are counted.
        line_ends = sum(few[place : place + 2] == line_end for place in range(0, len(few), 2))
        own = few[line_end.index(0) :: 2].count(0)
        if line_ends > 1 and own >= 0.98 * zeros and few.count(b"\n") <= 1.5 * line_ends + 2:
            text = few[: len(few) - len(few) % 2].decode(codec, "replace")
            if text.count("\ufffd") <= 1 and sum(map(str.isprintable, text)) + text.count("\n") * 2 >= 0.97 * len(text):
                return codec
    return None
