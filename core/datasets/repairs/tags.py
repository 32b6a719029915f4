"""Repairs of entities: broken tag sequences, and entities that begin or end with a sign of punctuation."""

import pandas as pd

from core.datasets.comparing import plain
from core.datasets.repairs.answers import entities, tags_of
from core.datasets.repairs.base import Material, Outcome, Parameter, Parameters, Repair

_LOOSE = frozenset(",;:\"'`«»“”„‘’()[]{}<>|/\\–—-_·•、。，；：（）「」『』【】《》")


def _fix_tags(material: Material, parameters: Parameters) -> Outcome:
    trims = bool(parameters["trim"])
    cells = []
    columns = [material.examples[name] for name in ("text", "starts", "ends", "tags")]
    for text, starts, ends, cell in zip(*columns, strict=True):
        tags = list(plain(cell))
        found = entities(tags)
        if trims:
            words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
            found = [trimmed for one in found if (trimmed := _trimmed(one, words)) is not None]
        mended = tags_of(found, len(tags))
        cells.append(cell if mended == tags else mended)
    return Outcome(examples=material.examples.assign(tags=pd.Series(cells, index=material.examples.index, dtype=object)))


def _trimmed(entity: tuple[int, int, str], words: list[str]) -> tuple[int, int, str] | None:
    """The entity without loose punctuation at its ends; nothing where it has nothing else. Brackets that pair up stay."""
    first, last, kind = entity
    while first <= last and _is_loose(words[first]) and not _closes(words, first, last):
        first += 1
    while last >= first and _is_loose(words[last]) and not _closes(words, first, last):
        last -= 1
    return (first, last, kind) if first <= last else None


def _is_loose(word: str) -> bool:
    return all(character in _LOOSE for character in word)


def _closes(words: list[str], first: int, last: int) -> bool:
    """Whether a bracket or quotation mark at one end has its partner inside, as in ``Georgia ( US )``."""
    inside = "".join(words[first : last + 1])
    return any(
        (words[first] == opening or words[last] == closing) and opening in inside and closing in inside
        for opening, closing in ("()", "[]", "{}", "«»", "“”", "（）", "「」", "『』", "【】", "《》")
    )


REPAIRS = (
    Repair(
        name="fix_tags",
        title="Mend entities",
        help="Tags that continue an entity nobody began begin one; commas, quotation marks and the like at the ends of entities "
        "no longer belong to them.",
        run=_fix_tags,
        parameters=(
            Parameter(
                name="trim",
                title="Leave punctuation at the ends out",
                help="An entity of nothing but punctuation is no entity.",
                kind="switch",
                default=True,
            ),
        ),
        tasks=frozenset({"token_classification"}),
    ),
)
