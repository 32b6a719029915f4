"""Named entities as lists of words and tags."""

from typing import Any

import pytest

from core.datasets.columns import token_classification
from core.errors import DatasetError
from tests.core.datasets.columns.entity_rows import entities, frame, read


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
        ({"tokens": ["a"], "tags": None}, "No value in column 'tags'."),
        ({"tokens": [["a"]], "tags": ["O"]}, "Column 'tokens' does not contain a flat list."),
        ({"tokens": ["a"], "tags": ["??"]}, "Word 1 has the tag '??', which is not valid in the IOB2 scheme."),
    ],
)
def test_a_record_whose_words_and_tags_do_not_fit_is_set_aside(row: dict[str, Any], reason: str) -> None:
    good = {"tokens": list("abcdefghijk"), "tags": [f"B-{letter}" for letter in "abcdefghijk"]}
    result = read(good, row, tokens="tokens", tags="tags")

    assert result.examples["record"].tolist() == [1]
    assert [(entry.record, entry.reason) for entry in result.set_aside] == [(2, reason)]


def test_tags_of_no_scheme_are_refused_with_examples() -> None:
    with pytest.raises(DatasetError, match="'NNP', 'VBD', which match no known tag scheme"):
        read({"tokens": ["Anna", "came"], "tags": ["NNP", "VBD"]})


def test_repaired_entities_are_counted_with_their_records() -> None:
    result = read({"tokens": ["Anna", "came"], "tags": ["B-PER", "O"]}, {"tokens": ["in", "Rome"], "tags": ["O", "I-LOC"]})

    assert entities(result) == [[("Anna", "PER")], [("Rome", "LOC")]]
    assert any(
        note.startswith("1 entity with invalid IOB2 tag sequences was repaired") and "record 2" in note for note in result.notes
    )
