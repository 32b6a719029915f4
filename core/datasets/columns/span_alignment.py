"""Aligns spans with words as IOB2 tags; spans that do not fit are reported and never moved."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.datasets.columns.offset_units import better_unit
from core.datasets.columns.spans import TextSpan
from core.tasks.tag_schemes import OUTSIDE
from core.tasks.tokenization import words
from core.text_format import counted, short

_MOST_PROBLEMS_SHOWN = 5
"""Most problems per record with a hint about the offset unit, since each hint reads the whole text."""
_MORE_THAN_SHOWN = 100
"""Characters passed to ``short``, which shows fewer."""


@dataclass(frozen=True)
class Aligned:
    """Words of a text with their tags, or the problems of its spans.

    Attributes:
        starts, ends: start and end of each word, in characters.
        tags: IOB2, one per word; empty if there are problems.
        problems: one sentence for each span that does not fit.
        num_trimmed: spans that were trimmed of white space; they cover the same words as before.
        num_overlaps: spans that share a word with an earlier one; each is among the problems.
    """

    starts: list[int]
    ends: list[int]
    tags: list[str]
    problems: list[str]
    num_trimmed: int = 0
    num_overlaps: int = 0


def align(text: str, spans: Sequence[TextSpan]) -> Aligned:
    """Tag the words of a text.

    Args:
        text: exactly as in the file.
        spans: offsets in characters.
    """
    marked = _MarkedText(text)
    tags = [OUTSIDE] * len(marked.starts)
    taken: list[tuple[int, int, TextSpan]] = []
    problems: list[str] = []
    num_trimmed = num_overlaps = 0
    for span in dict.fromkeys(spans):
        with_hint = len(problems) < _MOST_PROBLEMS_SHOWN
        if problem := marked.impossible(span, with_hint=with_hint):
            problems.append(problem)
            continue
        trimmed = marked.without_edges(span)
        first, last = _place(marked.starts, trimmed.start), _place(marked.ends, trimmed.end)
        if first is None or last is None:
            problems.append(marked.between_words(span, with_hint=with_hint))
            continue
        place = bisect_left(taken, first, key=lambda one: one[1])  # the first one that does not end earlier
        if place < len(taken) and taken[place][0] <= last:
            problems.append(f"Spans {taken[place][2]} and {span} overlap; a word can have only one tag.")
            num_overlaps += 1
            continue
        num_trimmed += trimmed != span
        taken.insert(place, (first, last, span))
        tags[first : last + 1] = [f"B-{span.label}", *[f"I-{span.label}"] * (last - first)]
    return Aligned(marked.starts, marked.ends, [] if problems else tags, problems, num_trimmed, num_overlaps)


def _place(borders: Sequence[int], border: int) -> int | None:
    """Position of a border among the sorted word borders, or ``None`` if it is not a word border."""
    place = bisect_left(borders, border)
    return place if place < len(borders) and borders[place] == border else None


def in_words(problems: Sequence[str]) -> str:
    """All problems of a record in one line; a very long list is shortened and counted."""
    shown = " ".join(problems[:_MOST_PROBLEMS_SHOWN])
    more = len(problems) - _MOST_PROBLEMS_SHOWN
    return shown if more <= 0 else f"{shown} And {counted(more, 'more span does', 'more spans do')} not fit."


class _MarkedText:
    """A text with its words, for checking many spans without reading the whole text each time.

    Attributes:
        starts, ends: start and end of each word, in characters.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        borders = words(text)
        self.starts, self.ends = [start for start, _ in borders], [end for _, end in borders]

    def impossible(self, span: TextSpan, *, with_hint: bool) -> str | None:
        """Why a span is invalid, or ``None``."""
        text = self._text
        if span.start >= span.end or span.start < 0:
            return f"Span {span} is empty or its end is before its start."
        if span.end > len(text):
            hint = self._hint(span) if with_hint else ""
            return f"Span {span} ends beyond the text, which has {counted(len(text), 'character')}.{hint}"
        first, last = self._touched(span)
        if first > last:  # every character but white space belongs to a word
            return f"Span {span} contains only white space."
        if span.text is not None and (len(span.text) != span.end - span.start or span.text != text[span.start : span.end]):
            there = self._shown(span.start, span.end)
            hint = self._hint(span) if with_hint else ""
            return f"Span {span} should be {short(span.text)} according to the file, but the text there is {there}.{hint}"
        return None

    def without_edges(self, span: TextSpan) -> TextSpan:
        """The span without leading and trailing white space."""
        first, last = self._touched(span)
        start, end = max(span.start, self.starts[first]), min(span.end, self.ends[last])
        return span if (start, end) == (span.start, span.end) else replace(span, start=start, end=end)

    def between_words(self, span: TextSpan, *, with_hint: bool) -> str:
        """The message for a span that begins or ends inside a word."""
        first, last = self._touched(span)
        start, end = self.starts[first], self.ends[last]
        hint = self._hint(span) if with_hint else ""
        return (
            f"Span {span} is {self._shown(span.start, span.end)}, which begins or ends inside a word; "
            f"the complete words are {self._shown(start, end)} at {start}–{end}.{hint}"
        )

    def _touched(self, span: TextSpan) -> tuple[int, int]:
        """First and last word that share a character with a span."""
        return bisect_right(self.ends, span.start), bisect_left(self.starts, span.end) - 1

    def _shown(self, start: int, end: int) -> str:
        """A part of the text for a message, without copying all of it."""
        return short(self._text[start : min(end, start + _MORE_THAN_SHOWN)])

    def _hint(self, span: TextSpan) -> str:
        found = None if self._text.isascii() else better_unit(self._text, replace(span, text=None))
        if found is None:
            return ""
        unit, moved = found
        return f" If the offsets count {unit}, it is {self._shown(moved.start, moved.end)}."
