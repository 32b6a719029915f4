"""The unit of span offsets: characters, or the UTF-8 bytes or UTF-16 code units of the program that wrote them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.datasets.columns.spans import TextSpan
from core.tasks.tokenization import words

CHARACTERS, BYTES, UTF16 = "characters", "UTF-8 bytes", "UTF-16 units"

_FEWEST_WITNESSES = 3
"""Minimum number of spans that must indicate another unit before it is used for the whole file."""
_MOST_WITNESSES = 5000
"""Most spans that are examined."""


@dataclass(frozen=True)
class Verdict:
    """The unit of a file's offsets, and how many of the conclusive spans fit it."""

    unit: str
    num_fitting: int
    num_telling: int


def unit_of(records: Iterable[tuple[str, Sequence[TextSpan]]]) -> Verdict:
    """Detect the unit from spans with non-ASCII characters before their end; without evidence it is characters."""
    telling = 0
    fitting = {CHARACTERS: 0, BYTES: 0, UTF16: 0}
    for text, spans in records:
        if text.isascii() or not spans:
            continue
        if telling >= _MOST_WITNESSES:
            break
        borders = words(text)
        starts, ends = {start for start, _ in borders}, {end for _, end in borders}
        places = {unit: _places(text, unit) for unit in (BYTES, UTF16)}
        for span in spans:
            readings = {CHARACTERS: span, **{unit: _moved(span, found) for unit, found in places.items()}}
            if readings[BYTES] == span:
                continue
            telling += 1
            for unit, reading in readings.items():
                fitting[unit] += reading is not None and _fits(reading, text, starts, ends)
    other = max((UTF16, BYTES), key=lambda unit: fitting[unit])
    is_other = telling >= _FEWEST_WITNESSES and fitting[other] >= 0.9 * telling and fitting[CHARACTERS] < 0.5 * telling
    unit = other if is_other else CHARACTERS
    return Verdict(unit, fitting[unit], telling)


def to_characters(text: str, spans: Sequence[TextSpan], unit: str) -> list[TextSpan | None]:
    """The spans with offsets in characters; ``None`` for those that begin or end inside a character."""
    if unit == CHARACTERS or text.isascii():
        return list(spans)
    places = _places(text, unit)
    return [_moved(span, places) for span in spans]


def better_unit(text: str, span: TextSpan) -> tuple[str, TextSpan] | None:
    """Another unit in which an invalid span would be valid, and the converted span; only used as a hint in messages."""
    borders = words(text)
    starts, ends = {start for start, _ in borders}, {end for _, end in borders}
    for unit in (BYTES, UTF16):
        moved = _moved(span, _places(text, unit))
        if moved is not None and moved != span and _fits(moved, text, starts, ends):
            return unit, moved
    return None


def _places(text: str, unit: str) -> dict[int, int]:
    """Offset in the unit -> offset in characters, for every character boundary."""
    places = {0: 0}
    position = 0
    for place, character in enumerate(text, start=1):
        if unit == UTF16:
            position += 2 if character > "\uffff" else 1
        else:
            position += 1 if character < "\x80" else 2 if character < "\u0800" else 3 if character <= "\uffff" else 4
        places[position] = place
    return places


def _moved(span: TextSpan, places: dict[int, int]) -> TextSpan | None:
    start, end = places.get(span.start), places.get(span.end)
    return None if start is None or end is None else TextSpan(start, end, span.label, span.text)


def _fits(span: TextSpan, text: str, starts: set[int], ends: set[int]) -> bool:
    return span.start in starts and span.end in ends and _says(span, text)


def _says(span: TextSpan, text: str) -> bool:
    """Whether the text at a span equals the span's text in the file; ``True`` if the file has none."""
    if span.text is None:
        return True
    return len(span.text) == span.end - span.start and text[span.start : span.end] == span.text
