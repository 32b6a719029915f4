"""Named entities as annotated spans, in the formats of all tools."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tasks.tokenization import words
from tests.core.datasets.columns.entity_rows import FOUND, SPANS, TEXT, entities, read


@pytest.mark.parametrize(
    "row",
    [
        {"text": TEXT, "entities": SPANS},
        {"text": TEXT, "label": SPANS, "Comments": []},
        {"text": TEXT, "entities": str([tuple(span) for span in SPANS])},
        {
            "id": "1",
            "text": TEXT,
            "entities": [{"id": 1, "label": s[2], "start_offset": s[0], "end_offset": s[1]} for s in SPANS],
        },
        {
            "text": TEXT,
            "spans": [{"start": s[0], "end": s[1], "label": s[2], "token_start": 0} for s in SPANS],
            "answer": "accept",
        },
        {"text": TEXT, "tokens": TEXT.split(), "annotation": [[s[2], s[0], s[1]] for s in SPANS], "prediction": [["X", 0, 4]]},
        {"text": TEXT, "label": [{"start": s[0], "end": s[1], "text": TEXT[s[0] : s[1]], "labels": [s[2]]} for s in SPANS]},
        {
            "data.text": TEXT,
            "annotations": [
                {"result": [], "was_cancelled": True},
                {
                    "result": [
                        *({"type": "labels", "value": {"start": s[0], "end": s[1], "labels": [s[2]]}} for s in SPANS),
                        {"type": "relation", "from_id": "a", "to_id": "b"},
                        {"type": "choices", "value": {"choices": ["news"]}},
                    ]
                },
            ],
            "predictions": [{"result": [{"type": "labels", "value": {"start": 0, "end": 4, "labels": ["X"]}}]}],
        },
        {
            "fields.text": TEXT,
            "suggestions.ner": {"value": [{"start": 0, "end": 4, "label": "X"}], "agent": "model"},
            "responses.ner": [
                {"value": [{"start": 0, "end": 4, "label": "X"}], "status": "discarded"},
                {"value": [{"start": s[0], "end": s[1], "label": s[2]} for s in SPANS], "user_id": "u"},
            ],
        },
        {
            "text": TEXT,
            "ner.responses": [[{"start": s[0], "end": s[1], "label": s[2]} for s in SPANS]],
            "ner.responses.users": ["u"],
        },
        {"text": TEXT, "ents": [{"value": {"start": [0, 18], "end": [9, 27], "label": ["PER", "LOC"]}, "status": "submitted"}]},
    ],
    ids=[
        "spacy",
        "doccano",
        "csv",
        "doccano2",
        "prodigy",
        "argilla1",
        "ls-min",
        "label-studio",
        "argilla2",
        "argilla2-flat",
        "argilla-hub",
    ],
)
def test_spans_are_read_as_every_tool_writes_them(row: dict[str, Any]) -> None:
    result = read(row, row)

    assert entities(result) == [FOUND, FOUND]
    assert result.examples["text"].tolist() == [TEXT, TEXT]
    assert not result.set_aside


def test_texts_nobody_annotated_are_set_aside_and_texts_without_entities_are_kept() -> None:
    done = {"data.text": TEXT, "annotations": [{"result": [{"value": {"start": 0, "end": 4, "labels": ["PER"]}}]}]}
    result = read(done, {"data.text": "Nobody.", "annotations": [{"result": []}]}, {"data.text": "Not yet.", "annotations": []})

    assert entities(result) == [[("Anna", "PER")], []]
    assert [(entry.record, entry.reason) for entry in result.set_aside] == [(3, "This text was not annotated.")]


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ([[0, 3, "PER"]], "Span 0–3 ('PER') is 'Ann', which begins or ends inside a word; the complete words are 'Anna' at 0–4."),
        ([[18, 60, "LOC"]], "Span 18–60 ('LOC') ends beyond the text, which has 28 characters."),
        ([[0, 9, "PER"], [5, 9, "ORG"]], "Spans 0–9 ('PER') and 5–9 ('ORG') overlap; a word can have only one tag."),
        ([[4, 4, "PER"]], "Span 4–4 ('PER') is empty or its end is before its start."),
        ([[9, 4, "PER"]], "Span 9–4 ('PER') is empty or its end is before its start."),
        ([[-4, 4, "PER"]], "Span -4–4 ('PER') is empty or its end is before its start."),
        ([[4, 5, "PER"]], "Span 4–5 ('PER') contains only white space."),
        (
            [{"start": 0, "end": 4, "label": "P", "text": "Hans"}],
            "Span 0–4 ('P') should be 'Hans' according to the file, but the text there is 'Anna'.",
        ),
        ([[0, 4]], '"[0, 4]"'),
    ],
)
def test_a_span_that_does_not_fit_sets_its_record_aside_and_says_why(spans: list[Any], reason: str) -> None:
    result = read({"text": TEXT, "entities": SPANS}, {"text": TEXT, "entities": spans}, text="text", spans="entities")

    assert entities(result) == [FOUND]
    assert [entry.record for entry in result.set_aside] == [2]
    assert result.set_aside[0].reason.startswith(reason.replace('"', "'"))


def test_every_bad_span_of_a_record_is_reported() -> None:
    (entry,) = read(
        {"text": TEXT, "entities": SPANS}, {"text": TEXT, "entities": [[0, 3, "A"], [6, 9, "B"], [30, 31, "C"]]}
    ).set_aside

    assert all(f"Span {places}" in entry.reason for places in ("0–3", "6–9", "30–31"))


def test_white_space_at_the_edges_of_a_span_is_left_out_with_a_note_and_a_span_given_twice_counts_once() -> None:
    result = read({"text": TEXT, "entities": [[0, 10, "PER"], [0, 10, "PER"]]}, {"text": TEXT, "entities": SPANS})

    assert entities(result)[0] == [("Anna Berg", "PER")]
    assert any("White space" in note and "record 1" in note for note in result.notes)


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[list[Any]]]:
    """Any text with entities at word boundaries."""
    text = draw(st.text(min_size=1).filter(lambda value: bool(words(value))))
    found = words(text)
    spans, first = [], 0
    while first < len(found) and draw(st.booleans()):
        first += draw(st.integers(0, 2))
        last = first + draw(st.integers(0, 2))
        if last < len(found):
            spans.append([found[first][0], found[last][1], draw(st.sampled_from(["PER", "LOC", "a b", "O", "人名"]))])
        first = last + 1
    return text, spans


@given(st.lists(texts_with_spans(), min_size=1, max_size=4))
@settings(deadline=None)
def test_any_text_with_any_spans_survives_without_moving_a_character(rows: list[tuple[str, list[list[Any]]]]) -> None:
    result = read(*({"text": text, "entities": spans} for text, spans in rows), text="text", spans="entities")

    assert result.examples["text"].tolist() == [text for text, _ in rows]
    assert entities(result) == [[(text[start:end], kind) for start, end, kind in spans] for text, spans in rows]
    assert not result.set_aside
