"""Why a record is skipped: a reason code for counting, and the details of the record."""

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Skip reasons. Their values are stored with every data set and never change; their sentences are for display."""

    sentence: str
    """The problem of these records, for a heading above all of them."""

    def __new__(cls, value: str, sentence: str = "") -> "Reason":
        """Create a reason from its code and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    # --- missing values
    NO_TEXT = "no_text", "The text is missing."
    NO_LABEL = "no_label", "The text has no label."
    # --- size limits
    TEXT_TOO_LONG = "text_too_long", "The text is longer than allowed."
    # --- rows of a delimited file
    RAGGED_ROW = "ragged_row", "The row has more or fewer cells than the header."
    UNPAIRED_QUOTES = (
        "unpaired_quotes",
        "The quotation marks in this line are unbalanced: one that opens a cell is never closed, or one inside a quoted cell is "
        'not doubled (""). Correct it in the file.',
    )
    AFTER_UNPAIRED_QUOTES = (
        "after_unpaired_quotes",
        "The line follows one with unbalanced quotation marks and is not a complete row, so it may be a part of it.",
    )
    # --- JSON
    INVALID_JSON = "invalid_json", "This is not valid JSON."
    TOO_DEEP_JSON = "too_deep_json", "The JSON is nested too deeply or has a number that is too long to read."
    NO_OBJECT = "no_object", "An object is expected, but there is a list or a single value."
    DOUBLED_KEY = "doubled_key", "This object contains the same key twice."
    # --- characters
    NUL_CHARACTER = "nul_character", "A cell contains a NUL character, which indicates a damaged file."
    WRONG_BYTES = "wrong_bytes", "A cell contains bytes that are not valid in the file's encoding."
    HALF_CHARACTER = "half_character", "A cell contains an incomplete character (lone surrogate), which cannot be stored."
    # --- labels and splits
    NO_LIST = "no_list", "A cell that should contain a list contains something else."
    NO_YES_OR_NO = "no_yes_or_no", "A column of 0 and 1 contains another value."
    NO_SPLIT = "no_split", "The split column contains neither train nor validation nor test."
    NO_TIME = "no_time", "There is no date or time to split by."
    UNKNOWN_LABEL = "unknown_label", "The row of validation or test has a label that does not occur in training."
    # --- entities
    RAGGED_LINE = "ragged_line", "A line of the sentence has more or fewer fields than the other lines of the file."
    WORD_OR_TAG_MISSING = "word_or_tag_missing", "A word has no tag, or a tag has no word."
    UNKNOWN_TAG = "unknown_tag", "A word has a tag that does not match the tag scheme of the file."
    NO_SENTENCE = "no_sentence", "The word belongs to no sentence."
    NO_SPANS = "no_spans", "The spans column contains no annotation of this text."
    BROKEN_SPAN = "broken_span", "A span does not fit the text."
    OVERLAPPING_SPANS = "overlapping_spans", "Spans of this text overlap; a word can have only one tag."
    # --- data sets of the past
    UNTOLD = "untold", "Skipped by an earlier version of Tuneboard, which did not record reasons."


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A skipped record and the reason.

    Attributes:
        record: its number in the file, from 1.
        kind: the skip reason.
        detail: the specific problem of this record, in one or two sentences; ``None`` where the kind says it all.
        content: the record as in the file, if it did not become a row of the table.
    """

    record: int
    kind: Reason
    detail: str = ""
    content: str | None = field(default=None, kw_only=True, repr=False)

    @property
    def reason(self) -> str:
        """The explanation for the user: the detail, or the sentence of the reason if there is no detail."""
        return self.detail or self.kind.sentence


def kind_of_gap(without_text: bool) -> Reason:
    """The reason for a record with an empty cell: its text, or else its label."""
    return Reason.NO_TEXT if without_text else Reason.NO_LABEL
