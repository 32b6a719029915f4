"""Annotated spans, in the formats of annotation tools.

Supported are lists of ``[start, end, label]`` (spaCy, doccano) or ``[label, start, end]`` (Argilla 1), lists of objects with a
start, an end and a label under various names, and the annotations that Label Studio and Argilla 2 wrap around such lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.datasets.columns.label_lists import parse_value
from core.text_format import short

_STARTS = ("start", "start_offset", "start_char", "startOffset", "begin", "beginOffset", "start_index", "startIndex", "from")
_ENDS = ("end", "end_offset", "end_char", "endOffset", "stop", "end_index", "endIndex", "to")
_LABELS = ("label", "labels", "entity_type", "entity_group", "entity", "type", "tag", "category", "class", "ner")
_TEXTS = ("text", "surface", "word", "mention")
_LISTS = ("result", "value", "entities", "spans", "ents", "label", "labels", "annotations")
_UNUSED_STATES = frozenset({"discarded", "draft", "pending"})


@dataclass(frozen=True)
class TextSpan:
    """A span as in the file; ``text`` is the span's text according to the file, if given."""

    start: int
    end: int
    label: str
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.start}–{self.end} ({short(self.label, 30)})"


@dataclass(frozen=True)
class Annotated:
    """The spans of one record.

    Attributes:
        spans: in the order of the file.
        num_answers: how many people (or models) annotated the record, if the file separates their annotations, else 0; the first
            annotation is used.
        problems: items that are no spans, one sentence each.
    """

    spans: list[TextSpan]
    num_answers: int = 0
    problems: tuple[str, ...] = ()


def read_spans(cell: str) -> Annotated | None:
    """The spans of a cell; ``None`` if it contains no annotation at all, such as a list of discarded annotations."""
    value = parse_value(cell)
    try:
        return _annotation(value) if isinstance(value, list | tuple | dict) else None
    except RecursionError:
        return None


def is_annotation(cell: str) -> bool:
    """Whether a cell contains spans, or the empty list of a text without any."""
    found = read_spans(cell)
    return found is not None and not found.problems


def _annotation(value: Any) -> Annotated | None:
    if isinstance(value, dict):
        return _from_mapping(value)
    answers = [item for item in value if _is_answer(item)]
    if answers:
        used = [answer for answer in answers if _is_used(answer)]
        found = [annotated for answer in used if (annotated := _annotation(answer)) is not None]
        return Annotated(found[0].spans, len(found), found[0].problems) if found else None
    return _from_items(value)


def _from_mapping(value: Mapping[str, Any]) -> Annotated | None:
    start, end, label = (_first(value, names) for names in (_STARTS, _ENDS, _LABELS))
    if isinstance(start, list) and isinstance(end, list) and isinstance(label, list):
        if not len(start) == len(end) == len(label):
            return Annotated([], problems=("The lists of starts, ends and labels of the spans have different lengths.",))
        return _from_items(list(zip(start, end, label, strict=True)))
    if start is not None:
        return _from_items([value])
    inner = _first(value, _LISTS)
    return _annotation(inner) if isinstance(inner, list | tuple | dict) else None


def _from_items(items: Sequence[Any]) -> Annotated:
    spans: list[TextSpan] = []
    problems = []
    for item in items:
        if _says_something_else(item):
            continue
        found = _spans_of(item)
        if found is None:
            problems.append(f"{short(str(item), 60)} is not a span with a start, an end and a label.")
        else:
            spans += found
    return Annotated(spans, problems=tuple(problems))


def _spans_of(item: Any) -> list[TextSpan] | None:
    """The span an item describes, or one for each of its labels."""
    if isinstance(item, list | tuple) and len(item) >= 3:
        first, second, third = item[:3]
        if isinstance(first, str) and not isinstance(third, str):
            first, second, third = second, third, first
        return _span(first, second, third, None)
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("value"), dict):
        return _spans_of(item["value"])
    place = item["globalOffsets"] if isinstance(item.get("globalOffsets"), dict) else item
    text = _first(item, _TEXTS)
    return _span(_first(place, _STARTS), _first(place, _ENDS), _first(item, _LABELS), text if isinstance(text, str) else None)


def _span(start: Any, end: Any, label: Any, text: str | None) -> list[TextSpan] | None:
    begin, stop = _whole_number(start), _whole_number(end)
    labels = label if isinstance(label, list) else [label]
    if begin is None or stop is None or not labels:
        return None
    if not all(isinstance(name, str | int) and not isinstance(name, bool) and str(name).strip() for name in labels):
        return None
    return [TextSpan(begin, stop, str(name).strip(), text) for name in labels]


def _is_answer(item: Any) -> bool:
    """One person's annotation of a record: Label Studio's ``result``, Argilla's ``value``, or a bare list of objects."""
    if isinstance(item, dict):
        return any(isinstance(item.get(key), list) or _is_columns(item.get(key)) for key in ("result", "value"))
    return isinstance(item, list) and (not item or all(isinstance(inner, dict) for inner in item))


def _is_columns(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(_first(value, _STARTS), list)


def _is_used(answer: Any) -> bool:
    return not isinstance(answer, dict) or (
        not answer.get("was_cancelled") and str(answer.get("status", "")).casefold() not in _UNUSED_STATES
    )


def _says_something_else(item: Any) -> bool:
    """Whether an item is a relation, choice or rating, which Label Studio lists among the spans."""
    if not isinstance(item, dict) or "type" not in item or _first(item, _STARTS) is not None:
        return False
    value = item.get("value")
    return not isinstance(value, dict) or _first(value, _STARTS) is None


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and value.strip().isdecimal() and len(value) < 15 else None
