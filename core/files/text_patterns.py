"""All regular expressions for untrusted text: cells, headers, labels, names, log lines.

One hostile cell must not stop the server, so each pattern runs in linear time, never in quadratic time.
``tests/core/files/test_text_patterns.py`` checks this for every pattern, and that no other module uses ``re`` on such text.

What makes a pattern slow, and what to write instead:

- Two adjacent repetitions that match the same characters (``\\s*\\s*``, ``\\s+[^<>]*``): write one.
- A repetition that is retried from each of its own characters, since what must follow it is missing (``\\s*\\d+$``,
  ``\\?{4,}(?=x)``): begin where a run begins (``(?<!\\?)``), bound it, or strip the end without a pattern.
- An end that may be missing (``<!--.*?-->``): search for the end once and remember that there is none, as ``markup_blocks`` does.

A pattern that is linear only at one position of a text (``[a-z]+ \\d`` is retried at each letter) is a ``Whole`` or a
``Beginning``, which cannot search anywhere else.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import AnyStr, Generic


class _TextPattern(Generic[AnyStr]):
    """A compiled pattern with its purpose."""

    def __init__(self, pattern: AnyStr, purpose: str, flags: int = 0) -> None:
        self.regex: re.Pattern[AnyStr] = re.compile(pattern, flags)
        self.purpose = purpose


class Anywhere(_TextPattern[AnyStr]):
    """A pattern that may be searched for anywhere in a text."""

    def search(self, text: AnyStr, start: int = 0) -> re.Match[AnyStr] | None:
        """The first match from a position on."""
        return self.regex.search(text, start)

    def finditer(self, text: AnyStr) -> Iterator[re.Match[AnyStr]]:
        """All non-overlapping matches."""
        return self.regex.finditer(text)

    def findall(self, text: AnyStr) -> list[AnyStr]:
        """The text of every match, for patterns without groups."""
        return [match[0] for match in self.regex.finditer(text)]

    def sub(self, new: AnyStr | Callable[[re.Match[AnyStr]], AnyStr], text: AnyStr) -> AnyStr:
        """The text with every match replaced."""
        return self.regex.sub(new, text)

    def split(self, text: AnyStr) -> list[AnyStr]:
        """The text split at the matches, for patterns without groups."""
        return self.regex.split(text)


class Whole(_TextPattern[AnyStr]):
    """A pattern that must match a whole text."""

    def fullmatch(self, text: AnyStr) -> re.Match[AnyStr] | None:
        """The match, if the whole text matches."""
        return self.regex.fullmatch(text)


class Beginning(_TextPattern[AnyStr]):
    """A pattern that must match at the beginning of a text."""

    def match(self, text: AnyStr) -> re.Match[AnyStr] | None:
        """The match, if there is one at the beginning."""
        return self.regex.match(text)


# --- single characters --------------------------------------------------------------------------------------------------------

DIGIT = Anywhere(r"\d", "A digit of any script.")
ASCII_DIGIT = Anywhere("[0-9]", "A plain digit.")
PLAIN_CHARACTER = Anywhere("[0-9A-Za-z]", "A letter or digit of ASCII.")
FULL_WIDTH = Anywhere("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]", "A letter or digit as wide as a Chinese character.")
CJK = Anywhere("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", "A Chinese, Japanese or Korean character.")
BEYOND_ASCII = Anywhere("[^\x00-\x7f]", "A character that encodings write differently.")
SURE_START = Anywhere(
    "[\x00-\x7f\u3001\u3002\u3400-\u4dbf\u4e00-\u9fff]",
    "A character that never combines with the one before it in a normal form.",
)
BYTE_BEYOND_ASCII = Anywhere(b"[\x80-\xff]", "A byte that encodings read differently.")
MEANINGLESS = Anywhere("[\x80-\x9f\ue000-\uf8ff]", "Control and private-use characters, which result from a wrong encoding.")
LONE_SURROGATE = Anywhere("[\ud800-\udfff]", "A lone surrogate: an incomplete character, or a byte that could not be decoded.")
UNSTORABLE = Anywhere("[\x00\ud800-\udfff]", "A character that cannot be stored in files.")
TAB_OR_LINE_END = Anywhere(r"[\t\r\n]", "Separators between the cells of a CoNLL file.")
NOT_IN_A_SHEET = Anywhere("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_", "What a workbook cannot store unchanged.")
INVISIBLE = Anywhere(
    "[\u00ad\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\ufeff\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "Soft hyphens, zero-width characters, direction marks and controls; without joiners, which scripts and emoji need.",
)
DAMAGED = Anywhere(
    "\ufffd|\u00ef\u00bf\u00bd"  # a lost character, once or twice wrongly read
    "|\u00c3[\u0080-\u00bf\u0152-\u0178\u2018-\u2022\u20ac]"  # UTF-8 letters with accents read as Latin
    "|\u00e2\u20ac[\u0090-\u00bf\u0152-\u2122]"  # UTF-8 quotation marks and dashes read as Latin
    "|\u951f\u65a4\u62f7|\u70eb\u70eb\u70eb",  # typical mojibake of Chinese encodings
    "Characters lost, or bytes read in the wrong encoding.",
)

# --- white space and words ----------------------------------------------------------------------------------------------------

INVISIBLE_JOINTS = "\u200b\ufeff\u2060\u00ad"
"""Invisible characters that do not separate words; without joiners, which Persian and emoji need."""

WHITE_SPACE = Anywhere(r"\s+", "A run of white space.")
WHITE_OR_INVISIBLE = Anywhere(rf"[\s{INVISIBLE_JOINTS}]+", "A run of white space and invisible characters.")
UNTIDY = Anywhere(rf"[^\S \n]|  | \n|\n |\n\n\n|[{INVISIBLE_JOINTS}]|\A\s|\s\Z", "White space that the clean-up would change.")
BLANKS = Anywhere("[ \t]+", "Separators between the columns of a CoNLL file.")
NOT_WHITE = Anywhere(r"\S+", "A run of anything but white space.")
NO_LETTER = Anywhere(r"[\W_]+", "A run without letters and digits.")
LONG_NUMBER = Anywhere(r"\d{3,}", "A number that may differ between copies of a form letter.")
NAME_JOINTS = Anywhere(r"[\s_\-./\\]+", "Separators between the words of a label: spaces, underscores, hyphens, points, slashes.")
COLUMN_JOINTS = Anywhere(r"[\s_.\-/]+", "Separators between the words of a column name.")
NEW_WORD_IN_NAME = Anywhere("([a-z])([A-Z])", "Where a new word begins in reviewText.")
NUMERALS = Anywhere(r"\d+|\b[ivx]+\b", "Numbers in a label, Arabic or Roman.")
WORD = Anywhere(r"[^\W_]+(?:['’-][^\W_]+)*", "A word, with apostrophes and hyphens inside.")
ASCII_WORD = Anywhere(r"[A-Za-z0-9]+|\S", "A word of plain ASCII; equal to ``any_word`` there, but several times faster.")
WORD_SPACE_OR_SIGN = Anywhere(r"\w+|\s|[^\w\s]", "The tokens for the comparison of two texts.")
CODE = Whole(r"[\w./\\:#@+-]+", "One word such as a number, an order code, a hash, a path or a time.", re.ASCII)

_WITHOUT_SPACES = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_JOINERS = "\u200c\u200d"
_LAST_MARK_OUTSIDE_SUPPLEMENT = 0x1FFFF


@cache
def any_word() -> Anywhere[str]:
    """One word. Python's ``\\w`` excludes combining marks, which would split Devanagari, Thai and decomposed accents."""
    points = range(0x300, _LAST_MARK_OUTSIDE_SUPPLEMENT + 1)
    marks = "".join(chr(point) for point in points if unicodedata.category(chr(point)).startswith("M"))
    seldom = r"(?![\w\s!-~])"  # checking this first avoids the search through all marks at nearly every character
    follows = f"(?:{seldom}[{_JOINERS}{marks}\U000e0100-\U000e01ef])"
    letter = f"[^\\W_{_WITHOUT_SPACES}]"
    return Anywhere(f"{letter}+(?:{follows}+{letter}*)*|\\S{follows}*", "A word of any script, with its combining marks.")


def whole_word(word: str) -> Anywhere[str]:
    """A word, or several, not inside of a longer one. For short texts only: it is compared wherever a word begins."""
    return Anywhere(rf"(?<!\w){re.escape(word)}(?!\w)", "Words that are searched for as whole words.")


def any_phrase(phrases: Iterable[str]) -> Anywhere[str]:
    """Any of some phrases with any spacing between their words, but never inside of a longer word."""
    return Anywhere("|".join(map(_phrase, phrases)), "Phrases that the user wants to remove.")


def _phrase(phrase: str) -> str:
    before = r"(?<!\w)" if _needs_edge(phrase[0]) else ""
    after = r"(?!\w)" if _needs_edge(phrase[-1]) else ""
    return before + r"\s+".join(map(re.escape, phrase.split())) + after


def _needs_edge(character: str) -> bool:
    """Whether a character belongs to a script with spaces between words; Chinese and Japanese do not have them."""
    return character.isalnum() and ord(character) < 0x2E80


# --- personal data ------------------------------------------------------------------------------------------------------------

_LETTER = "A-Za-z0-9_\u00c0-\u024f"
"""Characters of a Latin word; in Chinese text, numbers and addresses have no spaces around them."""

EMAIL = Anywhere(
    rf"(?<![{_LETTER}.+-])[{_LETTER}.%+-]{{1,64}}@[{_LETTER}-]{{1,63}}(?:\.[{_LETTER}-]{{1,63}}){{0,4}}\.[A-Za-z]{{2,24}}(?![{_LETTER}@])",
    "An e-mail address.",
)
IBAN = Anywhere(
    rf"(?<![{_LETTER}])[A-Z]{{2}}\d{{2}}(?: ?[0-9A-Z]{{4}}){{2,7}}(?: ?[0-9A-Z]{{1,3}})?(?![{_LETTER}])",
    "A bank account, before its checksum is verified.",
)
PAYMENT_CARD = Anywhere(
    r"(?<![\d.,])(?<!\d[ -])[2-6]\d{3}(?:[ -]?\d){9,15}(?![ -]?\d)(?![.,]\d)",
    "A payment card, before its checksum is verified.",
    re.ASCII,
)
PHONE = Anywhere(
    rf"(?<![{_LETTER}.,+-])(?<!\d[ -])(?:"
    r"(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{2,5}){1,4}"  # with a country code
    r"|\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}"  # North America
    r"|\(?0[1-9]\d{1,4}\)?(?:[ /-]\d{2,8}|[ /-]\d{2,5}(?:[ -]\d{2,5}){1,3})"  # an area code and a number, separated
    r"|0[1-9](?:[ .-]\d{2}){4}"  # France
    r"|1[3-9]\d[ -]?\d{4}[ -]?\d{4}"  # mobile phones of China
    rf")(?![{_LETTER}@]|[.,]\d|-\d)",
    "A phone number.",
    re.ASCII,
)

# --- markup -------------------------------------------------------------------------------------------------------------------

TAG = Anywhere(r"</?[A-Za-z][A-Za-z0-9:-]*(?:\s[^<>]*|/?)>|<![A-Za-z][^<>]*>", "A tag of HTML, or its declaration.")
BREAKING_TAG = Beginning(
    r"</?(?:br|p|div|li|ul|ol|tr|table|h[1-6]|hr|blockquote)\b", "A tag that begins a new line on screen.", re.IGNORECASE
)
CHARACTER_REFERENCE = Anywhere(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});", "An HTML character reference.")
TAG_OR_REFERENCE = Anywhere(
    r"</?[a-zA-Z][a-zA-Z0-9:-]*(?:\s[^<>]*)?/?>|&(?:[a-zA-Z]{2,10}|#\d{2,6}|#x[0-9a-fA-F]{2,5});",
    "What indicates that a text contains HTML.",
)
WEB_ADDRESS = Anywhere(r"https?://\S+|www\.\S+", "A web address.")

_COMMENT_START, _COMMENT_END = "<!--", "-->"
_BLOCK_START = Anywhere(r"<!--|<(script|style)\b[^<>]*>", "Where a comment, a script or a style begins.", re.IGNORECASE)
_BLOCK_ENDS = {
    "": Anywhere(_COMMENT_END, "The end of a comment."),
    "script": Anywhere(r"</script\s*>", "The end of a script.", re.IGNORECASE),
    "style": Anywhere(r"</style\s*>", "The end of a style.", re.IGNORECASE),
}


def comments(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of HTML comments, in order; unclosed ones are ignored."""
    end = 0
    while (start := text.find(_COMMENT_START, end)) >= 0:
        closing = text.find(_COMMENT_END, start + len(_COMMENT_START))
        if closing < 0:
            return
        end = closing + len(_COMMENT_END)
        yield start, end


def markup_blocks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of HTML comments, scripts and styles, in order; unclosed ones are ignored."""
    place = 0
    unclosed: set[str] = set()
    while start := _BLOCK_START.search(text, place):
        kind = (start[1] or "").lower()
        end = None if kind in unclosed else _BLOCK_ENDS[kind].search(text, start.end())
        if end is None:
            unclosed.add(kind)  # later ones are not closed either, so each end tag is searched for only once
            place = start.end()
        else:
            yield start.start(), end.end()
            place = end.end()


# --- dates and times ----------------------------------------------------------------------------------------------------------

NUMBER = Whole(r"\d+(?:\.\d+)?", "A plain number.")
COMPACT_DATE = Whole(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", "A date such as 20240403.")
YEAR_FIRST = Whole(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T,\s]+(.+))?", "A date such as 2024-04-03.", re.DOTALL
)
YEAR_LAST = Whole(
    r"(\d{1,2})([-/.])\s?(\d{1,2})([-/.])\s?(\d{4}|\d{2})(?:[T,\s]+(.+))?",
    "A date such as 3.4.2024, with any separator.",
    re.DOTALL,
)
NAMED_MONTH = Whole(
    r"(?:[a-z]+,?\s+)?(?:(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[\s-]+(?P<month>[a-z]{3,9})\.?"
    r"|(?P<month2>[a-z]{3,9})\.?\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?)[\s,-]+(?P<year>\d{4}|\d{2})(?:[T,\s]+(?P<time>.+))?",
    "A date such as Wed, 3 Apr 2024.",
    re.IGNORECASE | re.DOTALL,
)
TIME_OF_DAY = Whole(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:\s*([ap]\.?m\.?))?\s*(z|utc|gmt|[+-]\d{2}:?\d{2})?",
    "A time such as 14:05:09+02:00 or 2:05 pm.",
    re.IGNORECASE,
)

# --- labels and tags ----------------------------------------------------------------------------------------------------------

_MARKS = "BIMLEUSW"

TAG_MARK_FIRST = Whole(rf"([{_MARKS}])[-_](\S(?:.*\S)?)", "A tag of a word such as B-PER.", re.DOTALL)
TAG_MARK_LAST = Whole(rf"(\S(?:.*\S)?)[-_]([{_MARKS}])", "A tag of a word such as PER-B.", re.DOTALL)
NUMBER_OR_BLANK = Whole(r"\d+(\.\d+)?|\s*", "What cannot be the type of an entity.")
QUOTATION_OR_BRACKET = Anywhere(r"""['"\[\](){}]""", "What a list of unquoted names does not contain.")
QUOTED = Anywhere(
    r"""'(?:[^'\\]|\\.?)*(?:'|$)|"(?:[^"\\]|\\.?)*(?:"|$)""",
    "A text in quotation marks, as Python writes it; an unclosed one extends to the end.",
    re.DOTALL,
)

# --- what people type and what programs write ----------------------------------------------------------------------------------

VERSION_NUMBER = Anywhere(r"\sv\d+$", "The number of a version at the end of a data set's name.")
HUB_ID = Whole(
    r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?(@[0-9a-f]{40})?",
    "A repository of the Hugging Face Hub, optionally with ``@`` and a commit instead of the latest one.",
    re.ASCII,
)
TEXT_CODEC = Whole(
    r"utf-(8|16|32)(-sig|-le|-be)?|ascii|iso8859-\d+|cp\d+|koi8-\w|mac-\w+|gb\w+|big5\w*|euc_\w+|shift_\w+|iso2022_\w+|johab|hz"
    "|kz1048|ptcp154|tis-620|hp-roman8",
    "Python's names of common text encodings; some of its other codecs are not text encodings.",
)
BACKUP_PART = Whole(r"[^/\\:\x00-\x1f]{1,255}", "A folder or file of a path in a backup.")
WORK_FOLDER = Whole(r"(\d{1,10})-(\d{1,15})-\w+", "A temporary folder: the process it belongs to, and its start time.")
FORMULA_SIGN = Anywhere(
    "[=+\\-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}]",
    "What a formula of a spreadsheet begins with.",
)
EMBEDDING = Anywhere(
    r"embed|(^|\.)(wte|wpe|word_emb\w{0,40}|relative_attention_bias)\.", "The name of a model's embedding weights."
)
MEMORY_SIZE = Whole(r"([0-9]{1,9})(?:\.([0-9]{1,3}))? ?([MGT])iB", "A size of memory such as 5GiB.", re.ASCII)
LOG_ENTRY = Beginning(r"\d\d:\d\d:\d\d  ", "The time at the beginning of an entry of a run's log.")
MARKDOWN_SIGN = Anywhere(r"([\\`*_{}\[\]<>()#+\-.!|~$^=&\"'])", "Characters with a special meaning in markdown.")
MARKDOWN_EXTRA = Anywhere(
    r"([:@]|www(?=\.)|-(?=[->])|<(?=-)|[<>](?==)|!(?==))", "What Streamlit rewrites after parsing markdown.", re.IGNORECASE
)
