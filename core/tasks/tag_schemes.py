"""Tag schemes: converts word tags of common schemes to IOB2.

A tag is ``O`` (no entity) or a mark and a type, such as ``B-PER``. What the marks mean differs: IOB2 begins every entity with B;
IOB1 does so only where an entity follows another of the same type; BILOU and IOBES also mark the last word of an entity and
entities of one word; some files contain only the type. They are equivalent, so all are converted to IOB2: B for the first word of
an entity, I for the others.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.files.text_patterns import NUMBER_OR_BLANK, TAG_MARK_FIRST, TAG_MARK_LAST

OUTSIDE = "O"
UNNAMED_TYPE = "ENTITY"
"""The entity type for files whose tags are only B, I and O."""

_FIRST, _INSIDE, _LAST, _SINGLE = frozenset("B"), frozenset("IM"), frozenset("LE"), frozenset("USW")
_MARKS = "BIMLEUSW"


@dataclass(frozen=True)
class Scheme:
    """The tag scheme of a file.

    Attributes:
        name: ``IOB2``, ``IOB1``, ``BILOU``, ``IOBES`` or ``IO`` (only the type, or only I).
        form: ``mark first`` (B-PER), ``mark last`` (PER-B), ``mark only`` (B) or ``type only`` (PER).
    """

    name: str
    form: str


@dataclass(frozen=True)
class Normalised:
    """Tags of one example in IOB2, and how many entities had an invalid tag sequence."""

    tags: list[str]
    num_repaired: int


def looks_like_tag(value: str) -> bool:
    """Whether a value looks like a tag with its mark first, or ``O``."""
    return value == OUTSIDE or TAG_MARK_FIRST.fullmatch(value) is not None


def recognise(sequences: Iterable[Sequence[str]]) -> Scheme | None:
    """The scheme of a whole file, or ``None`` if its values are not tags.

    Up to 10% of the distinct values may fit no scheme; the reader reports them.
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
    """Mark and type of a tag, ``("O", "")`` for no entity, or ``None`` if it is not a tag of this form."""
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
    """Convert the tags of one example.

    Invalid sequences are repaired as the CoNLL scorer reads them: an entity without its beginning mark begins at its first word,
    and an entity without its last mark ends at its last word.

    Args:
        tags: tags that ``split_tag`` accepts.
        scheme: the scheme of the file from ``recognise``.
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
    """How many entities begin with B, and how many with I, if there is no entity of the same type directly before."""
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
