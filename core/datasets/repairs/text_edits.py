"""Edits of texts that keep the word tags aligned.

A repair lists edits of character spans; here the text is rewritten, and the offsets of tagged words are updated. Rows have one of
two layouts, and keep it: words joined by single spaces (files with words and tags), and raw text whose words are those of
``core.tasks.tokenization.words`` (files with annotated spans).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import pandas as pd

from core.datasets.columns.token_classification import join
from core.datasets.repairs.targets import entities, tags_of
from core.datasets.row_diff import plain
from core.tasks.tokenization import words as words_of

Layout = Literal["joined", "raw", "free"]


class Edit(NamedTuple):
    """Characters ``start`` up to ``end`` become ``replacement``."""

    start: int
    end: int
    replacement: str


FindEdits = Callable[[str], list[Edit]]
"""The edits of a text, in order and without overlaps; empty if it stays unchanged."""


class _Word(NamedTuple):
    """A word after the edits: its offsets, and its entity (number and type), if any."""

    start: int
    end: int
    entity: tuple[int, str] | None


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after its edits."""
    pieces, position = [], 0
    for edit in edits:
        pieces += [text[position : edit.start], edit.replacement]
        position = edit.end
    return "".join([*pieces, text[position:]])


def edit_texts(examples: pd.DataFrame, find: FindEdits, *, layout: Layout | None) -> pd.DataFrame:
    """The rows with edited texts, without leading and trailing white space; rows without an edit stay unchanged.

    A row may be left with an empty text or without words; the caller must delete it.

    Args:
        examples: any rows of a data set.
        find: returns the edits of a text.
        layout: layout of the data set, if words are tagged.
    """
    edited: dict[int, tuple[str, list[int], list[int], list[str]]] = {}
    texts = examples["text"].tolist()
    for place, text in enumerate(texts):
        edits = find(text)
        if not edits:
            continue
        if layout is None:
            edited[place] = (apply_edits(text, edits).strip(), [], [], [])
            continue
        starts, ends, tags = (plain(examples[name].iat[place]) for name in ("starts", "ends", "tags"))
        edited[place] = _edited_words(text, list(starts), list(ends), list(tags), edits, layout)
    examples = examples.copy()
    for number, name in enumerate(["text"] if layout is None else ["text", "starts", "ends", "tags"]):
        cells = examples[name].tolist()
        for place, row in edited.items():
            cells[place] = row[number]
        examples[name] = pd.Series(cells, index=examples.index, dtype=object)
    return examples


def layout_of(examples: pd.DataFrame) -> Layout:
    """The layout of the words in a data set's texts; ``free`` if rows differ or match neither layout."""
    columns = [examples[name].tolist() for name in ("text", "starts", "ends")]
    rows = [(text, list(map(int, starts)), list(map(int, ends))) for text, starts, ends in zip(*columns, strict=True)]
    if all(_is_joined(*row) for row in rows):
        return "joined"
    return "raw" if all(words_of(text) == list(zip(starts, ends, strict=True)) for text, starts, ends in rows) else "free"


def _is_joined(text: str, starts: list[int], ends: list[int]) -> bool:
    return bool(starts) and starts[0] == 0 and ends[-1] == len(text) and all(
        start == end + 1 and text[end] == " " for start, end in zip(starts[1:], ends, strict=False)
    )  # fmt: skip


def _edited_words(
    text: str, starts: list[int], ends: list[int], tags: list[str], edits: Sequence[Edit], layout: Layout
) -> tuple[str, list[int], list[int], list[str]]:
    new_text = apply_edits(text, edits)
    kept = _moved_words(new_text, starts, ends, tags, edits)
    spans = _entities(kept)
    if layout == "joined":
        pieces = [new_text[word.start : word.end] for word in kept]
        new_text, new_starts, new_ends = join(pieces)
        return new_text, new_starts, new_ends, tags_of(spans, len(kept))
    cut = len(new_text) - len(new_text.lstrip())
    stripped = new_text.strip()
    if layout == "free":
        return (
            stripped,
            [word.start - cut for word in kept],
            [word.end - cut for word in kept],
            tags_of(spans, len(kept)),
        )
    places = words_of(stripped)
    found: list[tuple[int, int, str]] = []
    for first, last, kind in spans:
        start, end = kept[first].start - cut, kept[last].end - cut
        first_inside = bisect_right(places, start, key=lambda place: place[1])
        last_inside = bisect_left(places, end, key=lambda place: place[0]) - 1
        if first_inside <= last_inside and (not found or first_inside > found[-1][1]):
            found.append((first_inside, last_inside, kind))
    return stripped, [start for start, _ in places], [end for _, end in places], tags_of(found, len(places))


def _moved_words(new_text: str, starts: list[int], ends: list[int], tags: list[str], edits: Sequence[Edit]) -> list[_Word]:
    """The words with their offsets in the new text; words joined by an edit become one, deleted words are dropped."""
    entity_of: dict[int, tuple[int, str]] = {}
    for number, (first, last, kind) in enumerate(entities(tags)):
        entity_of.update(dict.fromkeys(range(first, last + 1), (number, kind)))
    move = _Moved(edits)
    kept: list[_Word] = []
    for members in _clusters(starts, ends, edits):
        start, end = move.start(starts[members[0]]), move.end(ends[members[-1]])
        word = new_text[start:end]
        start, end = start + len(word) - len(word.lstrip()), end - len(word) + len(word.rstrip())
        if start < end:
            entity = next((entity_of[member] for member in members if member in entity_of), None)
            kept.append(_Word(start, end, entity))
    return kept


def _clusters(starts: list[int], ends: list[int], edits: Sequence[Edit]) -> Iterable[list[int]]:
    """Groups of words: words touched by the same edit form one group, others are alone."""
    cluster: list[int] = []
    place = 0
    for word, (start, end) in enumerate(zip(starts, ends, strict=True)):
        while place < len(edits) and edits[place].end <= start:
            place += 1
        touches_before = (
            place < len(edits) and bool(cluster) and edits[place].start < ends[cluster[-1]] and edits[place].start < end
        )
        if cluster and not touches_before:
            yield cluster
            cluster = []
        cluster.append(word)
    if cluster:
        yield cluster


class _Moved:
    """Maps positions of the old text to the new text."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._edits = edits
        self._starts = [edit.start for edit in edits]
        longer = (len(edit.replacement) - (edit.end - edit.start) for edit in edits)
        self._shift_before = [0, *accumulate(longer)]

    def start(self, position: int) -> int:
        """Position of the first character of a word; inside an edit, the start of its replacement."""
        return self._shifted(position, at_end=False)

    def end(self, position: int) -> int:
        """Position of the end of a word; inside an edit, the end of its replacement."""
        return self._shifted(position, at_end=True)

    def _shifted(self, position: int, *, at_end: bool) -> int:
        number = bisect_left(self._starts, position)  # of the edits that begin before it; the last one may contain it
        if number:
            edit = self._edits[number - 1]
            if edit.end > position or (edit.end == position and at_end):
                return edit.start + self._shift_before[number - 1] + (len(edit.replacement) if at_end else 0)
        return position + self._shift_before[number]


def _entities(kept: Sequence[_Word]) -> list[tuple[int, int, str]]:
    """First word, last word and type of every entity among the remaining words."""
    found: list[tuple[int, int, str]] = []
    before: tuple[int, str] | None = None
    for place, word in enumerate(kept):
        if word.entity is not None:
            if word.entity == before:
                found[-1] = (found[-1][0], place, word.entity[1])
            else:
                found.append((place, place, word.entity[1]))
        before = word.entity
    return found
