"""Why a record cannot be used: a kind that machines count by, and beside it what stands in this record in particular."""

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """The kinds of reasons. Their values are kept with every data set and never change; their sentences are for people."""

    sentence: str
    """What is wrong with a record of this kind, for a heading above all of them."""

    def __new__(cls, value: str, sentence: str = "") -> "Reason":
        """A kind by its name for machines, with its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    # --- what is missing
    NO_TEXT = "no_text", "There is no text."
    NO_LABEL = "no_label", "There is a text, but nobody gave it a label."
    # --- what is too much
    TEXT_TOO_LONG = "text_too_long", "The text is longer than a data set takes."
    # --- rows of a delimited file
    RAGGED_ROW = "ragged_row", "The row has more or fewer cells than the header."
    UNPAIRED_QUOTES = (
        "unpaired_quotes",
        "The quotation marks of this line do not pair up: one that opens a cell is never closed, or one inside a quoted cell is "
        'not doubled (""). Correct it in the file.',
    )
    AFTER_UNPAIRED_QUOTES = (
        "after_unpaired_quotes",
        "Follows a line whose quotation marks do not pair up and does not make a row of its own, so it may be a part of it.",
    )
    # --- JSON
    INVALID_JSON = "invalid_json", "This is not valid JSON."
    TOO_DEEP_JSON = "too_deep_json", "JSON that is nested too deep or has a number too long to read."
    NO_OBJECT = "no_object", "There is a list or a single value where an object is expected."
    DOUBLED_KEY = "doubled_key", "The same key stands twice in this object."
    # --- characters
    NUL_CHARACTER = "nul_character", "A cell holds a NUL character, a sign of a damaged file."
    WRONG_BYTES = "wrong_bytes", "A cell holds bytes that are not valid in the file's encoding."
    HALF_CHARACTER = "half_character", "A cell holds half a character (a lone surrogate), which cannot be stored."
    # --- labels and splits
    NO_LIST = "no_list", "A cell that should hold a list holds something else."
    NO_YES_OR_NO = "no_yes_or_no", "A column of 0 and 1 holds something else."
    NO_SPLIT = "no_split", "The split column says neither train nor validation nor test."
    NO_TIME = "no_time", "There is no date or time to split by."
    UNKNOWN_LABEL = "unknown_label", "Validation or test has a label of which training has no example."
    # --- entities
    RAGGED_LINE = "ragged_line", "A line of the sentence has more or fewer fields than the other lines of the file."
    WORD_OR_TAG_MISSING = "word_or_tag_missing", "There are words without a tag, or tags without a word."
    UNKNOWN_TAG = "unknown_tag", "A word has a tag of no scheme, or of another than the rest of the file."
    NO_SENTENCE = "no_sentence", "The word belongs to no sentence."
    NO_SPANS = "no_spans", "What stands in the column of spans marks nothing in this text."
    BROKEN_SPAN = "broken_span", "A marked span does not fit the text."
    OVERLAPPING_SPANS = "overlapping_spans", "Spans of this text overlap; a word can have only one tag."
    # --- data sets of the past
    UNTOLD = "untold", "Set aside by an earlier version of Tuneboard, which did not count by reasons."


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A record that was read but cannot be used, and why.

    Attributes:
        record: its number in the file, from 1.
        kind: what kind of reason it is.
        detail: what stands in this very record, in one or two sentences; ``None`` where the kind says it all.
        content: the record as it stands in the file, where it did not get as far as a row of the table.
    """

    record: int
    kind: Reason
    detail: str = ""
    content: str | None = field(default=None, kw_only=True, repr=False)

    @property
    def reason(self) -> str:
        """Why, for the person who owns the file: the detail, or the sentence of the kind where there is none."""
        return self.detail or self.kind.sentence


def kind_of_gap(without_text: bool) -> Reason:
    """The kind of a record in which a cell is empty: that of its text, or else that of its answer."""
    return Reason.NO_TEXT if without_text else Reason.NO_LABEL
