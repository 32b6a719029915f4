"""Which encoding a text file without any mark is in, from what its bytes look like."""

import re

import charset_normalizer

_CANDIDATES = [
    "cp1252", "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp1257", "cp1258", "cp874",
]  # fmt: skip
"""What people's files are in; with every codec allowed, short texts end up in encodings nobody has used for decades."""


_SAMPLE_BYTES = 100_000
_BEYOND_ASCII = re.compile(b"[\x80-\xff]")


def guess_encoding(data: bytes) -> list[str]:
    """Encodings a file may be in, the likeliest first."""
    few = telling_lines(data, _SAMPLE_BYTES)
    if _is_japanese(few):
        return ["cp932"]
    best = charset_normalizer.from_bytes(few, cp_isolation=_CANDIDATES).best()
    name = best.encoding if best is not None else "cp1252"
    if name in ("cp1250", "cp1254", "cp1257", "cp1258") and _is_western(few):
        name = "cp1252"
    return [name, "cp1252"]


def telling_lines(data: bytes, most: int) -> bytes:
    """Lines that hold more than ASCII, up to about ``most`` bytes."""
    telling, size, place = [], 0, 0
    while size < most and (found := _BEYOND_ASCII.search(data, place)):
        begin = data.rfind(b"\n", place, found.start()) + 1
        end = data.find(b"\n", found.start())
        place = len(data) if end < 0 else end + 1
        telling.append(data[max(begin, found.start() - most // 2) : min(place, found.start() + most)].rstrip(b"\n"))
        size += len(telling[-1])
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
