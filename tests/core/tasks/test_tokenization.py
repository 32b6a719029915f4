from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models.build import load_tokenizer
from core.tasks import Encoded, get_task
from core.tasks.token_classification import IGNORED, entities_of
from tests.strata import table_of
from tests.tiny import WORDS, tiny_entities_dataset

ENTITIES = get_task("token_classification")
OUTPUTS = ENTITIES.output_labels(["LOC", "ORG", "PER"])
LABEL2ID = {name: i for i, name in enumerate(OUTPUTS)}


def one_hot_logits(encoded: Encoded, tags_of_example: list[list[str]]) -> list[np.ndarray]:
    """Logits of a model that is always right, and zero for tokens that do not count."""
    logits = []
    for i, ids, pairs in zip(encoded.example, encoded.input_ids, encoded.alignment, strict=True):
        scores = np.zeros((len(ids), len(OUTPUTS)), dtype=np.float32)
        for position, word in pairs:
            scores[position, LABEL2ID[tags_of_example[i][word]]] = 20.0
        logits.append(scores)
    return logits


def sentences(words: list[str], tags: list[str]) -> pd.DataFrame:
    starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    return pd.DataFrame({"text": [" ".join(words)], "starts": [starts], "ends": [ends], "tags": [tags]})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["O", "B-LOC", "B-PER"])), min_size=1, max_size=80),
    max_length=st.integers(4, 24),
)
def test_windows_ask_for_every_word_once_and_decoding_gives_its_tag_back(
    tiny_model: Path, rows: list[tuple[str, str]], max_length: int
) -> None:
    words, tags = [word for word, _ in rows], [tag for _, tag in rows]
    examples = sentences(words, tags)

    encoded = ENTITIES.encode(examples, load_tokenizer(tiny_model), LABEL2ID, max_length)

    assert encoded.lengths.max() <= max_length
    asked = sorted(word for pairs in encoded.alignment for _, word in pairs)
    assert asked == list(range(len(words)))
    assert sum(target != IGNORED for targets in encoded.targets for target in targets) == len(words)
    decoded = ENTITIES.decode(examples, encoded, one_hot_logits(encoded, [tags]), OUTPUTS)
    assert decoded["predicted"][0] == tags


def test_a_word_is_judged_in_the_window_where_it_has_the_most_context(tiny_model: Path) -> None:
    """Each word is a token here, so words and tokens have the same numbers."""
    words = [WORDS[i % 30] for i in range(60)]
    tags = [("O", "B-LOC", "B-PER")[i % 3] for i in range(60)]
    examples = sentences(words, tags)
    encoded = ENTITIES.encode(examples, load_tokenizer(tiny_model), LABEL2ID, 18)  # windows of 16 words, with an overlap of 4

    shown = [ids[1:-1] for ids in encoded.input_ids]
    first_word = [0, 12, 24, 36, 44]
    assert [len(ids) for ids in shown] == [16] * 5
    for pairs, start in zip(encoded.alignment, first_word, strict=True):
        for position, word in pairs:
            assert position - 1 == word - start
            elsewhere = [min(word - other, other + 15 - word) for other in first_word if other <= word < other + 16]
            assert min(word - start, start + 15 - word) == max(elsewhere)
    # Seen from the other end: where windows meet, each predicts the half of the overlap that is closer to its middle.
    assert [(pairs[0][1], pairs[-1][1]) for pairs in encoded.alignment] == [(0, 13), (14, 25), (26, 37), (38, 47), (48, 59)]


def test_only_the_first_token_of_a_word_is_learned(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    examples = sentences(["zzz", "anna"], ["O", "B-PER"])  # "zzz" is split into three tokens

    encoded = ENTITIES.encode(examples, tokenizer, LABEL2ID, 16)

    assert encoded.targets.tolist() == [[IGNORED, LABEL2ID["O"], IGNORED, IGNORED, LABEL2ID["B-PER"], IGNORED]]


def test_entity_offsets_point_into_the_text() -> None:
    text = "anna  works at acme"
    found = entities_of(text, [0, 6, 12, 15], [4, 11, 14, 19], ["B-PER", "O", "O", "B-ORG"], [0.9, 1.0, 1.0, 0.7])

    assert [(entity["text"], entity["type"], text[entity["start"] : entity["end"]]) for entity in found] == [
        ("anna", "PER", "anna"),
        ("acme", "ORG", "acme"),
    ]


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=5))
def test_raw_texts_become_words_that_lie_in_them_in_order(texts: list[str]) -> None:
    examples = ENTITIES.examples_of_texts(texts)

    assert examples["text"].tolist() == texts
    for text, starts, ends in zip(examples["text"], examples["starts"], examples["ends"], strict=True):
        assert all(0 <= start < end <= len(text) for start, end in zip(starts, ends, strict=True))
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        outside = set(range(len(text))) - {i for start, end in zip(starts, ends, strict=True) for i in range(start, end)}
        assert "".join(text[i] for i in sorted(outside)).strip() == ""


@pytest.mark.parametrize("name", ["single_label", "multi_label"])
def test_long_texts_lose_their_end_and_are_counted(tiny_model: Path, name: str) -> None:
    examples = pd.DataFrame({"text": ["the sky is blue", " ".join(["sky"] * 50)]})

    encoded = get_task(name).encode(examples, load_tokenizer(tiny_model), {}, 10, with_targets=False)

    assert encoded.num_cut == 1
    assert [len(ids) for ids in encoded.input_ids] == [6, 10]


def test_text_without_a_single_word_is_encoded_and_decoded(tiny_model: Path) -> None:
    examples = ENTITIES.examples_of_texts(["", "   "])

    encoded = ENTITIES.encode(examples, load_tokenizer(tiny_model), {}, 16, with_targets=False)
    logits = [np.zeros((len(ids), len(OUTPUTS)), dtype=np.float32) for ids in encoded.input_ids]
    predictions = ENTITIES.decode(examples, encoded, logits, OUTPUTS)

    assert ENTITIES.present(examples, predictions, OUTPUTS) == [{"entities": []}, {"entities": []}]


def test_strata_of_entities_say_which_types_a_sentence_holds() -> None:
    examples = tiny_entities_dataset(6)

    strata = ENTITIES.strata(examples)

    assert table_of(strata).tolist()[:2] == [[True, False, True], [True, True, True]]
