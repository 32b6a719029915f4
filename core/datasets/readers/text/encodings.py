"""Common encodings, named so that users who know the language can choose."""

ENCODINGS = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little-endian)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "cp1252": "Western European (Windows-1252)",
    "latin-1": "Western European (Latin-1)",
    "iso8859-15": "Western European with euro sign (Latin-9)",
    "mac-roman": "Western European (Mac)",
    "cp850": "Western European (DOS)",
    "gb18030": "Chinese, simplified (GB18030, GBK, GB2312)",
    "big5": "Chinese, traditional (Big5)",
    "big5hkscs": "Chinese, Hong Kong (Big5-HKSCS)",
    "cp932": "Japanese (Shift-JIS)",
    "euc_jp": "Japanese (EUC-JP)",
    "iso2022_jp": "Japanese (JIS mail)",
    "cp949": "Korean (EUC-KR, Windows-949)",
    "cp1250": "Central European (Windows-1250)",
    "iso8859-2": "Central European (Latin-2)",
    "cp1251": "Cyrillic (Windows-1251)",
    "koi8-r": "Cyrillic (KOI8-R)",
    "cp866": "Cyrillic (DOS)",
    "iso8859-5": "Cyrillic (ISO 8859-5)",
    "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
    "cp1257": "Baltic (Windows-1257)",
    "cp1258": "Vietnamese (Windows-1258)",
    "cp874": "Thai (Windows-874)",
}
"""Python's name -> title, the most common first."""

_SAME = {
    "utf-8-sig": "utf-8",
    "koi8_r": "koi8-r",
    "iso8859-1": "latin-1",
    "mac-roman": "mac-roman",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}


def encoding_title(name: str) -> str:
    """The display name of an encoding."""
    return ENCODINGS.get(_SAME.get(name, name), name)
