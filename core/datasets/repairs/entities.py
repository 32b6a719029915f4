"""Repairs of entities: broken tag sequences, and entities that begin or end with punctuation."""

from bisect import bisect_left
from collections.abc import Sequence

import pandas as pd

from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput
from core.datasets.repairs.targets import entities, tags_of
from core.datasets.row_diff import plain

_LOOSE = frozenset(",;:\"'`«»“”„‘’()[]{}<>|/\\–—-_·•、。，；：（）「」『』【】《》")


def _fix_tags(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    trims = bool(parameters["trim"])
    cells = []
    columns = [repair_input.examples[name] for name in ("text", "starts", "ends", "tags")]
    for text, starts, ends, cell in zip(*columns, strict=True):
        tags = list(plain(cell))
        found = entities(tags)
        if trims:
            words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
            found = [trimmed for one in found if (trimmed := _trimmed(one, words)) is not None]
        repaired = tags_of(found, len(tags))
        cells.append(cell if repaired == tags else repaired)
    return Outcome(examples=repair_input.examples.assign(tags=pd.Series(cells, index=repair_input.examples.index, dtype=object)))


def _trimmed(entity: tuple[int, int, str], words: list[str]) -> tuple[int, int, str] | None:
    """The entity without unpaired punctuation at its ends; ``None`` if it is only punctuation. Paired brackets stay."""
    first, last, kind = entity
    own = words[first : last + 1]
    brackets, begin, end = _Brackets(own), 0, len(own) - 1
    while begin <= end and _is_loose(own[begin]) and not brackets.close(begin, end):
        begin += 1
    while end >= begin and _is_loose(own[end]) and not brackets.close(begin, end):
        end -= 1
    return (first + begin, first + end, kind) if begin <= end else None


def _is_loose(word: str) -> bool:
    return all(character in _LOOSE for character in word)


_PAIRS = ("()", "[]", "{}", "«»", "“”", "（）", "「」", "『』", "【】", "《》")
_IN_PAIRS = frozenset("".join(_PAIRS))


class _Brackets:
    """The words of an entity with brackets and quotation marks, found in one pass over its words."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            for sign in _IN_PAIRS.intersection(word):
                self._places.setdefault(sign, []).append(place)

    def close(self, first: int, last: int) -> bool:
        """Whether a bracket or quotation mark at an end of these words has its partner inside, as in ``Georgia ( US )``."""
        return any(
            (self._words[first] == opening or self._words[last] == closing)
            and self._is_inside(opening, first, last)
            and self._is_inside(closing, first, last)
            for opening, closing in map(tuple, _PAIRS)
        )

    def _is_inside(self, sign: str, first: int, last: int) -> bool:
        places = self._places.get(sign, [])
        after = bisect_left(places, first)
        return after < len(places) and places[after] <= last


REPAIRS = (
    Repair(
        name="fix_tags",
        title="Fix entity tags",
        help="An I- tag without a preceding B- tag becomes a B- tag. Commas, quotation marks and other punctuation at the ends "
        "of entities are excluded from them.",
        run=_fix_tags,
        parameters=(
            Parameter(
                name="trim",
                title="Trim punctuation",
                help="Excludes punctuation at the ends of entities. Entities that are only punctuation are removed.",
                kind="switch",
                default=True,
            ),
        ),
        tasks=frozenset({"token_classification"}),
    ),
)
