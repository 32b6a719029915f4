"""Named entities with one word per row, and the same entities in every supported format."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DatasetError
from tests.core.datasets.columns.entity_rows import entities, read


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
    with pytest.raises(DatasetError, match="words column and a tags column, or a text column and a spans column"):
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
