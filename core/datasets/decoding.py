"""From bytes to text: which encoding a text file is in."""

import codecs
from dataclasses import dataclass

import charset_normalizer

from core.errors import InputFileError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = [
    "cp1252", "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp1257", "cp1258", "cp874",
]  # fmt: skip
"""What people's files are in; with every codec allowed, short texts end up in encodings nobody has used for decades."""

_SAMPLE_BYTES = 100_000
_DAMAGE_TOLERATED = 0.2


@dataclass(frozen=True)
class Decoded:
    """The text of a file.

    Attributes:
        text: without byte order mark; bytes that are damaged stand in it as lone surrogates, for the reader to set aside.
        encoding: Python's name of the encoding.
        certain: whether the bytes prove the encoding, or it is a guess a person should look at.
    """

    text: str
    encoding: str
    certain: bool


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """Decode a text file: by its byte order mark, else as UTF-8 where that is valid, else by what the bytes look like.

    Args:
        data: the whole file.
        encoding: what the person chose, if anything.

    Raises:
        InputFileError: the chosen encoding is unknown or does not fit, or none fits.
    """
    if encoding is not None:
        return _decode_as(data, encoding)
    for mark, name in _MARKS:
        if data.startswith(mark):
            return Decoded(_strict(data, name), name, certain=True)
    try:
        return Decoded(data.decode("utf-8"), "utf-8", certain=True)
    except UnicodeDecodeError:
        pass
    if wide := _wide_encoding(data):
        return Decoded(_strict(data, wide), wide, certain=True)
    if _is_damaged_utf8(data):
        return Decoded(data.decode("utf-8", errors="surrogateescape"), "utf-8", certain=True)
    guessed = _guess(data)
    return Decoded(_strict(data, guessed), guessed, certain=False)


def _decode_as(data: bytes, encoding: str) -> Decoded:
    try:
        name = codecs.lookup(encoding).name
        text = data.decode(name)
    except (LookupError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, LookupError) or not isinstance(error, UnicodeDecodeError):
            raise InputFileError(f"There is no encoding {encoding!r}. Try utf-8, cp1252, gb18030 or shift_jis.") from None
        raise InputFileError(
            f"The file is not in {encoding}: byte {error.start + 1:,} does not fit. Choose another encoding, or let it be found."
        ) from None
    return Decoded(text.removeprefix("\ufeff"), name, certain=True)


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputFileError(
            f"The file looks like {encoding} text, but is damaged at byte {error.start + 1:,}. Save it again as UTF-8."
        ) from None


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: the zero bytes of its ASCII characters stand at every other place."""
    few = data[:_SAMPLE_BYTES]
    half = max(1, len(few) // 2)
    even, odd = few[0::2].count(0) / half, few[1::2].count(0) / half
    if odd > 0.2 and even < 0.02:
        return "utf-16-le"
    return "utf-16-be" if even > 0.2 and odd < 0.02 else None


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether nearly all that is not ASCII is valid UTF-8, so that a few broken bytes do not turn the whole file to gibberish."""
    text = data.decode("utf-8", errors="surrogateescape")
    beyond_ascii = [character for character in text if character > "\x7f"]
    damaged = sum("\udc80" <= character <= "\udcff" for character in beyond_ascii)
    return damaged <= _DAMAGE_TOLERATED * (len(beyond_ascii) - damaged)


def _guess(data: bytes) -> str:
    few = _telling_lines(data)
    if _is_japanese(few):
        return "cp932"
    best = charset_normalizer.from_bytes(few, cp_isolation=_CANDIDATES).best()
    name = best.encoding if best is not None else "cp1252"
    if name in ("cp1250", "cp1254", "cp1257", "cp1258") and _is_western(few):
        name = "cp1252"
    for candidate in (name, "cp1252", "latin-1"):
        try:
            data.decode(candidate)
        except UnicodeDecodeError:
            continue
        return candidate
    raise AssertionError("latin-1 decodes every byte")


def _telling_lines(data: bytes) -> bytes:
    """Lines that hold more than ASCII, up to what the detector can look at in a moment."""
    telling, size = [], 0
    for line in data.split(b"\n"):
        if not line.isascii():
            telling.append(line[:_SAMPLE_BYTES])
            size += len(line)
            if size > _SAMPLE_BYTES:
                break
    return b"\n".join(telling)


def _is_japanese(few: bytes) -> bool:
    """Shift-JIS with hiragana, which a short text shares with no other encoding but which the detector takes for Korean."""
    beyond_ascii = [character for character in few.decode("cp932", errors="replace") if character > "\x7f"]
    return "\ufffd" not in beyond_ascii and sum("ぁ" <= character <= "ん" for character in beyond_ascii) > 0.2 * len(beyond_ascii)


def _is_western(few: bytes) -> bool:
    """Whether a Western European reading of a short text gives nothing but letters and the usual signs; true of little else."""
    beyond_ascii = [character for character in few.decode("cp1252", errors="replace") if character > "\x7f"]
    return len(beyond_ascii) < 100 and all(
        (character.isalpha() and character not in "ªºþÞðÐýÝ") or character in "’‘“”–—€£«»°…¿¡\xa0" for character in beyond_ascii
    )
