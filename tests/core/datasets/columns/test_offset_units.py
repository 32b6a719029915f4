"""Entity offsets in bytes or UTF-16 units."""

from typing import Any

import pytest

from tests.core.datasets.columns.entity_rows import entities, read

UNITS = {"UTF-8 bytes": lambda text: len(text.encode()), "UTF-16 units": lambda text: len(text.encode("utf-16-le")) // 2}


def counted_in(unit: str, text: str, *names: str) -> dict[str, Any]:
    def place(name: str, after: str = "") -> int:
        return UNITS[unit](text[: text.index(name)] + after)

    return {"text": text, "entities": [[place(name), place(name, name), "X"] for name in names]}


@pytest.mark.parametrize("unit", UNITS)
def test_offsets_in_other_units_are_detected_converted_and_noted(unit: str) -> None:
    rows = [
        counted_in(unit, text, *names)
        for text, *names in [("😀 Anna und 😎 Jörg", "Anna", "Jörg"), ("🎉 für Zoë in Rom", "Zoë", "Rom")]
    ]
    result = read(*rows)

    assert entities(result) == [[("Anna", "X"), ("Jörg", "X")], [("Zoë", "X"), ("Rom", "X")]]
    assert any(unit in note and "records 1, 2" in note for note in result.notes)


def test_too_little_evidence_for_another_unit_moves_nothing_and_is_hinted_at() -> None:
    result = read({"text": "Bob", "entities": [[0, 3, "X"]]}, counted_in("UTF-16 units", "😀 Anna kam", "Anna"))

    assert [entry.record for entry in result.set_aside] == [2]
    assert "If the offsets count UTF-16 units, it is 'Anna'" in result.set_aside[0].reason
