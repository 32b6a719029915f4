"""Tags of words, in every scheme people write them in, brought to IOB2.

A tag is ``O`` (no entity) or a mark and a type, such as ``B-PER``. What the marks mean differs: IOB2 begins every entity with B;
IOB1 does so only where an entity follows another of the same type; BILOU and IOBES also mark the last word of an entity and
entities of one word; some files name only the type. All of them say the same, so all become IOB2: the first word of an entity B,
the others I.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.files.text_patterns import NUMBER_OR_BLANK, TAG_MARK_FIRST, TAG_MARK_LAST

OUTSIDE = "O"
UNNAMED_TYPE = "ENTITY"
"""The type of entities in files whose tags are a bare B, I and O."""

_FIRST, _INSIDE, _LAST, _SINGLE = frozenset("B"), frozenset("IM"), frozenset("LE"), frozenset("USW")
_MARKS = "BIMLEUSW"


@dataclass(frozen=True)
class Scheme:
    """How a file writes its tags.

    Attributes:
        name: ``IOB2``, ``IOB1``, ``BILOU``, ``IOBES`` or ``IO`` (only the type is named, or only I).
        form: ``mark first`` (B-PER), ``mark last`` (PER-B), ``mark only`` (B) or ``type only`` (PER).
    """

    name: str
    form: str


@dataclass(frozen=True)
class Normalised:
    """Tags of one example in IOB2, and how many entities had a broken sequence of marks."""

    tags: list[str]
    num_repaired: int


def looks_like_tag(value: str) -> bool:
    """Whether a value is written like a tag with its mark first, or ``O``."""
    return value == OUTSIDE or TAG_MARK_FIRST.fullmatch(value) is not None


def recognise(sequences: Iterable[Sequence[str]]) -> Scheme | None:
    """The scheme of a whole file, or ``None`` where its values are no tags.

    Values that fit no scheme may be up to one in ten of the different ones; they are for the reader to report.
    """
    sequences = [list(tags) for tags in sequences]
    counts = Counter(tag for tags in sequences for tag in tags)
    form = _form(counts)
    if form is None:
        return None
    if form == "type only":
        return Scheme("IO", form)
    marks = {part[0] for tag in counts if (part := split_tag(tag, form)) is not None and part[0] != OUTSIDE}
    if marks & {"L", "U"}:
        return Scheme("BILOU", form)
    if marks & {"E", "S", "M", "W"}:
        return Scheme("IOBES", form)
    begun_by_b, begun_by_i = _beginnings(sequences, form)
    if begun_by_i and not begun_by_b:
        return Scheme("IOB1" if "B" in marks else "IO", form)
    return Scheme("IOB2", form)


def split_tag(tag: str, form: str) -> tuple[str, str] | None:
    """Mark and type of a tag, ``("O", "")`` for no entity, or ``None`` where it is no tag of this form."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if form == "mark first" and (match := TAG_MARK_FIRST.fullmatch(tag)):
        return match[1], match[2]
    if form == "mark last" and (match := TAG_MARK_LAST.fullmatch(tag)):
        return match[2], match[1]
    if form == "mark only" and tag in _MARKS and len(tag) == 1:
        return tag, UNNAMED_TYPE
    if form == "type only" and tag.strip():
        return "I", tag
    return None


def to_iob2(tags: Sequence[str], scheme: Scheme) -> Normalised:
    """Rewrite the tags of one example.

    A broken sequence is repaired the way the CoNLL scorer reads it: an entity that does not begin with its beginning mark begins
    where it is first seen, and one that lacks its last mark ends where it is last seen.

    Args:
        tags: tags that ``split_tag`` knows.
        scheme: what ``recognise`` found for the file.
    """
    closes = scheme.name in ("BILOU", "IOBES")
    may_begin_inside = scheme.name in ("IOB1", "IO")
    out: list[str] = []
    num_repaired = 0
    open_type: str | None = None
    open_is_broken = False
    for tag in tags:
        parts = split_tag(tag, scheme.form)
        if parts is None:
            raise AssertionError(f"{tag!r} is not a tag of the scheme {scheme}")
        mark, kind = parts
        continues = mark in _INSIDE | _LAST and open_type == kind
        if open_type is not None and not continues:
            num_repaired += open_is_broken or closes
            open_type = None
        if mark == OUTSIDE:
            out.append(OUTSIDE)
            continue
        if continues:
            out.append(f"I-{kind}")
        else:
            out.append(f"B-{kind}")
            open_is_broken = mark in _INSIDE | _LAST and not may_begin_inside
            open_type = kind
        if mark in _LAST | _SINGLE:
            num_repaired += open_is_broken
            open_type = None
    num_repaired += open_type is not None and (open_is_broken or closes)
    return Normalised(out, num_repaired)


def _form(counts: Counter[str]) -> str | None:
    named = {tag for tag in counts if tag != OUTSIDE}
    if not named:
        return "mark first" if counts else None
    for form in ("mark first", "mark last", "mark only"):
        if sum(split_tag(tag, form) is not None for tag in named) >= 0.9 * len(named):
            return form
    only_types = counts[OUTSIDE] > 0 and not any(NUMBER_OR_BLANK.fullmatch(tag) for tag in named)
    return "type only" if only_types and len(named) <= 100 else None


def _beginnings(sequences: Iterable[Sequence[str]], form: str) -> tuple[int, int]:
    """How many entities begin with B, and how many with I, where no entity of the same type stands right before."""
    begun_by_b = begun_by_i = 0
    for tags in sequences:
        before = ""
        for tag in tags:
            mark, kind = split_tag(tag, form) or (OUTSIDE, "")
            if mark != OUTSIDE and kind != before:
                begun_by_b += mark == "B"
                begun_by_i += mark == "I"
            before = kind
    return begun_by_b, begun_by_i
