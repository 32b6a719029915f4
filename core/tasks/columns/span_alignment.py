"""From spans to one IOB2 tag a word, with every span that does not fit reported and none moved."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.tasks.columns.cells import counted, short
from core.tasks.columns.offset_units import better_unit
from core.tasks.columns.spans import Span
from core.tasks.columns.tag_schemes import OUTSIDE
from core.tasks.columns.words import words

_MOST_PROBLEMS_SHOWN = 5


@dataclass(frozen=True)
class Aligned:
    """Words of a text with their tags, or what is wrong with its spans.

    Attributes:
        starts, ends: where each word begins and ends, in characters.
        tags: IOB2, one a word; empty where there are problems.
        problems: one sentence for each span that does not fit.
        num_trimmed: spans whose white space at the edges was left out; they cover the same words as before.
        num_overlaps: spans that share a word with one before them; each is among the problems.
    """

    starts: list[int]
    ends: list[int]
    tags: list[str]
    problems: list[str]
    num_trimmed: int = 0
    num_overlaps: int = 0


def align(text: str, spans: Sequence[Span]) -> Aligned:
    """Tag the words of a text.

    Args:
        text: as in the file, nothing removed.
        spans: offsets in characters.
    """
    borders = words(text)
    starts, ends = [start for start, _ in borders], [end for _, end in borders]
    tags = [OUTSIDE] * len(borders)
    owner: dict[int, Span] = {}
    problems: list[str] = []
    num_trimmed = num_overlaps = 0
    for span in dict.fromkeys(spans):
        if problem := _impossible(text, span):
            problems.append(problem)
            continue
        trimmed = _without_edges(text, span)
        first, last = _place(starts, trimmed.start), _place(ends, trimmed.end)
        if first is None or last is None:
            problems.append(_between_words(text, span, borders))
            continue
        if clash := next((owner[place] for place in range(first, last + 1) if place in owner), None):
            problems.append(f"Spans {clash} and {span} overlap; a word can have only one tag.")
            num_overlaps += 1
            continue
        num_trimmed += trimmed != span
        for place in range(first, last + 1):
            owner[place] = span
            tags[place] = f"{'B' if place == first else 'I'}-{span.label}"
    return Aligned(starts, ends, [] if problems else tags, problems, num_trimmed, num_overlaps)


def _place(borders: Sequence[int], border: int) -> int | None:
    """Where a border stands among the sorted borders of the words, or nothing where it is none of them."""
    place = bisect_left(borders, border)
    return place if place < len(borders) and borders[place] == border else None


def in_words(problems: Sequence[str]) -> str:
    """All problems of a record in one line; a very long list is cut and counted."""
    shown = " ".join(problems[:_MOST_PROBLEMS_SHOWN])
    more = len(problems) - _MOST_PROBLEMS_SHOWN
    return shown if more <= 0 else f"{shown} And {counted(more, 'more span does', 'more spans do')} not fit."


def _impossible(text: str, span: Span) -> str | None:
    if span.start >= span.end or span.start < 0:
        return f"Span {span} is empty or runs backwards."
    if span.end > len(text):
        return f"Span {span} runs past the text, which has {counted(len(text), 'character')}.{_hint(text, span)}"
    if not text[span.start : span.end].strip():
        return f"Span {span} covers nothing but white space."
    if span.text is not None and span.text != text[span.start : span.end]:
        return (
            f"Span {span} is said to be {short(span.text)}, but the text there is {short(text[span.start : span.end])}."
            f"{_hint(text, span)}"
        )
    return None


def _without_edges(text: str, span: Span) -> Span:
    marked = text[span.start : span.end]
    if marked == marked.strip():
        return span
    start = span.start + len(marked) - len(marked.lstrip())
    return replace(span, start=start, end=span.end - (len(marked) - len(marked.rstrip())))


def _between_words(text: str, span: Span, borders: Sequence[tuple[int, int]]) -> str:
    touched = [(start, end) for start, end in borders if start < span.end and end > span.start]
    start, end = touched[0][0], touched[-1][1]
    return (
        f"Span {span} is {short(text[span.start : span.end])}, which begins or ends inside a word; "
        f"the whole words are {short(text[start:end])} at {start}–{end}.{_hint(text, span)}"
    )


def _hint(text: str, span: Span) -> str:
    found = None if text.isascii() else better_unit(text, replace(span, text=None))
    if found is None:
        return ""
    unit, moved = found
    return f" Counted in {unit} it would be {short(text[moved.start : moved.end])}."
