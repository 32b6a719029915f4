"""Previews of a file with other reading options, from its beginning: other encodings, other delimiters, missing-value markers."""

from collections import Counter
from dataclasses import dataclass
from io import StringIO
from itertools import islice

from core.datasets.readers.formats.csv_rows import parse_rows
from core.datasets.readers.formats.csv_tables import DELIMITERS
from core.datasets.readers.text.decode import decode
from core.datasets.readers.text.detect_encoding import guess_encoding
from core.datasets.readers.text.encodings import ENCODINGS
from core.datasets.table import Table
from core.errors import InputFileError
from core.files.text_patterns import BEYOND_ASCII, LONE_SURROGATE, MEANINGLESS

LOOKED_AT = 2 * 2**20
"""Number of bytes at the beginning of a file that are used."""

_EXCERPT = 50
_MOST_ROWS = 200
_MOST_CELLS = 20_000
_MISSING_WORDS = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?", "missing", "unknown", "无", "空", "なし"}
)


@dataclass(frozen=True)
class EncodingAlternative:
    """An encoding in which the file can be read, and an excerpt of the result."""

    encoding: str
    title: str
    excerpt: str


@dataclass(frozen=True)
class DelimiterAlternative:
    """A delimiter, and the first rows read with it.

    Attributes:
        delimiter: one character.
        num_columns: cells of the first row.
        fitting: share of the rows with as many cells.
        names: first cells of the first row.
    """

    delimiter: str
    num_columns: int
    fitting: float
    names: list[str]


def encoding_alternatives(beginning: bytes) -> list[EncodingAlternative]:
    """Encodings in which the beginning of a file can be read, the most likely first; one for each different result."""
    if beginning.isascii():
        return []
    found: dict[str, EncodingAlternative] = {}
    for encoding, title in ENCODINGS.items():
        try:
            text = decode(beginning, encoding).text
        except InputFileError:
            continue
        first = BEYOND_ASCII.search(text)
        if first is None:
            continue
        begin = max(text.rfind("\n", 0, first.start()) + 1, first.start() - _EXCERPT // 2)
        excerpt = LONE_SURROGATE.sub("\ufffd", " ".join(text[begin : begin + _EXCERPT].split()))
        if MEANINGLESS.search(excerpt):
            continue
        found.setdefault(excerpt, EncodingAlternative(encoding, title, excerpt))
    likely = {name: place for place, name in enumerate(guess_encoding(beginning))}
    return sorted(
        found.values(), key=lambda one: likely.get(one.encoding.replace("-", "_"), likely.get(one.encoding, len(likely)))
    )


def delimiter_alternatives(beginning: bytes, encoding: str) -> list[DelimiterAlternative]:
    """The first rows read with each of the common delimiters.

    Args:
        beginning: of the file.
        encoding: the encoding of the file.

    Raises:
        InputFileError: the encoding does not fit.
    """
    text = decode(beginning, encoding).text
    found = []
    for delimiter in DELIMITERS:
        parsed = parse_rows(islice(StringIO(text, newline=""), _MOST_ROWS), delimiter, strict=False)
        if parsed is not None:
            fitting = (1 + len(parsed.records)) / (1 + len(parsed.lines))
            found.append(
                DelimiterAlternative(
                    delimiter, len(parsed.first), fitting, [LONE_SURROGATE.sub("\ufffd", cell[:30]) for cell in parsed.first[:5]]
                )
            )
    return found


def missing_candidates(table: Table) -> dict[str, int]:
    """Common missing-value markers -> how many cells of the first rows consist of them."""
    counts: Counter[str] = Counter()
    few = table.rows.head(_MOST_CELLS)
    for place in range(few.shape[1]):
        cells = few.iloc[:, place].tolist()
        counts.update(
            cell.strip() for cell in cells if cell is not None and len(cell) < 10 and cell.strip().lower() in _MISSING_WORDS
        )
    return dict(counts.most_common())
