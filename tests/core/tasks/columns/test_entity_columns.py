"""Named entities in every form they come in: tagged words, one word a row, marked stretches of text."""

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DatasetError
from core.tasks.base import ReadExamples
from core.tasks.columns import token_classification
from core.tasks.columns.words import words

TEXT = "Anna Berg flew to São Paulo."
SPANS = [[0, 9, "PER"], [18, 27, "LOC"]]
FOUND = [("Anna Berg", "PER"), ("São Paulo", "LOC")]


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table as the readers give it: nested values as JSON text."""
    columns = list({name: None for row in rows for name in row})
    cells = [
        [
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in map(row.get, columns)
        ]
        for row in rows
    ]
    return pd.DataFrame(cells, columns=columns, index=pd.RangeIndex(1, len(rows) + 1), dtype=object)


def read(*rows: dict[str, Any], **roles: str) -> ReadExamples:
    """Read rows with the roles given, or with those that are guessed."""
    table = frame(list(rows))
    chosen = {role: (name,) for role, name in roles.items()} or token_classification.guess_roles(table)
    return token_classification.read(table, chosen)


def entities(result: ReadExamples) -> list[list[tuple[str, str]]]:
    """Text and type of every entity of every example."""
    found = []
    for example in result.examples.itertuples():
        spans: list[list[Any]] = []
        for start, end, tag in zip(example.starts, example.ends, example.tags, strict=True):
            if tag.startswith("B-"):
                spans.append([start, end, tag[2:]])
            elif tag.startswith("I-"):
                spans[-1][1] = end
        found.append([(example.text[start:end], kind) for start, end, kind in spans])
    return found


# --- marked stretches ---------------------------------------------------------------------------------------------------------


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
    assert [(entry.record, entry.reason) for entry in result.set_aside] == [(3, "Nobody has annotated this text.")]


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ([[0, 3, "PER"]], "Span 0–3 ('PER') is 'Ann', which begins or ends inside a word; the whole words are 'Anna' at 0–4."),
        ([[18, 60, "LOC"]], "Span 18–60 ('LOC') runs past the text, which has 28 characters."),
        ([[0, 9, "PER"], [5, 9, "ORG"]], "Spans 0–9 ('PER') and 5–9 ('ORG') overlap; a word can have only one tag."),
        ([[4, 4, "PER"]], "Span 4–4 ('PER') is empty or runs backwards."),
        ([[9, 4, "PER"]], "Span 9–4 ('PER') is empty or runs backwards."),
        ([[-4, 4, "PER"]], "Span -4–4 ('PER') is empty or runs backwards."),
        ([[4, 5, "PER"]], "Span 4–5 ('PER') covers nothing but white space."),
        (
            [{"start": 0, "end": 4, "label": "P", "text": "Hans"}],
            "Span 0–4 ('P') is said to be 'Hans', but the text there is 'Anna'.",
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
    assert "Counted in UTF-16 units it would be 'Anna'" in result.set_aside[0].reason


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[list[Any]]]:
    """Any text and entities that begin and end where words do."""
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


# --- tagged words -------------------------------------------------------------------------------------------------------------


def test_words_are_joined_by_one_space_and_keep_their_offsets() -> None:
    (example,) = read({"tokens": ["New", "York", ",", "USA"], "tags": ["B-LOC", "I-LOC", "O", "B-LOC"]}).examples.itertuples()

    assert example.text == "New York , USA"
    assert [example.text[start:end] for start, end in zip(example.starts, example.ends, strict=True)] == [
        "New",
        "York",
        ",",
        "USA",
    ]
    assert example.tags == ["B-LOC", "I-LOC", "O", "B-LOC"]


@pytest.mark.parametrize(
    "row",
    [
        {"tokens": ["Anna", "came"], "ner_tags": ["B-PER", "O"]},
        {"words": "['Anna', 'came']", "tags": "['B-PER', 'O']"},
        {"tokens": ["Anna", "came"], "ner_tags": [1, 0], "tag_names": ["O", "B-PER"]},
        {"tokens": ["Anna", "came"], "ner_tags": [1, 0], "tag_names": {"0": "O", "1": "B-PER"}},
        {"tokens": ["Anna", "came"], "ner_tags": [1, 0], "tag_names": {"O": 0, "B-PER": 1}},
        {"sentence": "Anna came", "pos": "['NNP', 'VB']", "tag": "['B-PER', 'O']"},
        {"text": "Anna came", "tags": "B-PER O"},
    ],
)
def test_lists_of_words_and_tags_are_read_however_they_are_written(row: dict[str, Any]) -> None:
    result = read(row, row)

    assert entities(result) == [[("Anna", "PER")]] * 2
    assert token_classification.recognises(frame([row, row])) > 0.9


def test_words_and_tags_chosen_as_text_and_spans_are_read_as_what_they_are() -> None:
    row = {"tokens": ["Anna", "came"], "ner_tags": ["B-PER", "O"]}

    assert entities(read(row, row, text="tokens", spans="ner_tags")) == [[("Anna", "PER")]] * 2


def test_numbers_without_names_are_refused_with_what_would_help() -> None:
    with pytest.raises(DatasetError, match=r"numbers '0', '3' instead of tags.*Add a column that lists the names"):
        read({"tokens": ["Anna", "came"], "ner_tags": [3, 0]}, {"tokens": ["x", "y"], "ner_tags": [0, 0]})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 words but 1 tag; each word needs one tag."),
        ({"tokens": [], "tags": []}, "No words."),
        ({"tokens": ["a", " "], "tags": ["O", "O"]}, "Word 2 is empty."),
        ({"tokens": ["a"], "tags": None}, "Nothing in column 'tags'."),
        ({"tokens": [["a"]], "tags": ["O"]}, "Column 'tokens' holds no plain list."),
        ({"tokens": ["a"], "tags": ["??"]}, "Word 1 has the tag '??', which is no IOB2 tag."),
    ],
)
def test_a_record_whose_words_and_tags_do_not_fit_is_set_aside(row: dict[str, Any], reason: str) -> None:
    good = {"tokens": list("abcdefghijk"), "tags": [f"B-{letter}" for letter in "abcdefghijk"]}
    result = read(good, row, tokens="tokens", tags="tags")

    assert result.examples["record"].tolist() == [1]
    assert [(entry.record, entry.reason) for entry in result.set_aside] == [(2, reason)]


def test_tags_of_no_scheme_are_refused_with_examples() -> None:
    with pytest.raises(DatasetError, match="'NNP', 'VBD', which follow no tag scheme"):
        read({"tokens": ["Anna", "came"], "tags": ["NNP", "VBD"]})


def test_repaired_entities_are_counted_with_their_records() -> None:
    result = read({"tokens": ["Anna", "came"], "tags": ["B-PER", "O"]}, {"tokens": ["in", "Rome"], "tags": ["O", "I-LOC"]})

    assert entities(result) == [[("Anna", "PER")], [("Rome", "LOC")]]
    assert any(note.startswith("1 entity did not begin") and "record 2" in note for note in result.notes)


def test_a_table_with_one_word_a_row_is_put_together_by_its_sentence_column() -> None:
    rows = [
        {"Sentence #": "Sentence: 1", "Word": "Anna", "POS": "NNP", "Tag": "B-PER"},
        {"Sentence #": None, "Word": "came", "POS": "VB", "Tag": "O"},
        {"Sentence #": "Sentence: 2", "Word": "Rome", "POS": "NNP", "Tag": "B-LOC"},
        {"Sentence #": "Sentence: 2", "Word": "fell", "POS": "VB", "Tag": "O"},
    ]
    result = read(*rows)

    assert result.examples["text"].tolist() == ["Anna came", "Rome fell"]
    assert result.examples["record"].tolist() == [1, 3]


def test_a_sentence_with_a_word_or_tag_missing_is_set_aside_row_by_row() -> None:
    rows = [{"sentence_id": "1", "word": "Anna", "tag": "B-PER"}, {"sentence_id": "1", "word": None, "tag": "O"}]
    result = read(*rows, {"sentence_id": "2", "word": "Rome", "tag": "B-LOC"}, tokens="word", tags="tag", sentence="sentence_id")

    assert result.examples["text"].tolist() == ["Rome"]
    assert [entry.record for entry in result.set_aside] == [1, 2]


def test_columns_for_neither_form_are_refused_with_what_there_is() -> None:
    with pytest.raises(DatasetError, match="words and one of tags, or a column of text and one of spans"):
        read({"text": "a", "label": "b"}, text="text")


SENTENCES = st.lists(
    st.lists(
        st.tuples(st.text(st.sampled_from("abcé中—.'"), min_size=1, max_size=5), st.sampled_from(["O", "B-PER", "B-LOC"])),
        min_size=2,
        max_size=5,
    ),
    min_size=1,
    max_size=4,
).filter(lambda sentences: any(tag != "O" for sentence in sentences for _, tag in sentence))


@given(SENTENCES)
@settings(deadline=None)
def test_lists_rows_and_spans_of_the_same_sentences_agree(sentences: list[list[tuple[str, str]]]) -> None:
    as_lists = [{"tokens": [word for word, _ in sentence], "tags": [tag for _, tag in sentence]} for sentence in sentences]
    as_rows = [
        {"sentence": str(number), "word": word, "tag": tag} for number, sentence in enumerate(sentences) for word, tag in sentence
    ]
    lists = read(*as_lists, tokens="tokens", tags="tags")
    rows = read(*as_rows, tokens="word", tags="tag", sentence="sentence")
    as_spans = [
        {
            "text": example.text,
            "entities": [
                [start, end, tag[2:]]
                for start, end, tag in zip(example.starts, example.ends, example.tags, strict=True)
                if tag != "O"
            ],
        }
        for example in lists.examples.itertuples()
    ]
    spans = read(*as_spans, text="text", spans="entities")

    assert entities(rows) == entities(lists) == entities(spans)
    assert rows.examples["text"].tolist() == lists.examples["text"].tolist() == spans.examples["text"].tolist()
