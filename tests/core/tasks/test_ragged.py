"""Ragged arrays can be used like lists of lists and take a tenth of their memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models.build import load_tokenizer
from core.tasks import get_task, tokenization
from core.tasks.ragged import RaggedRows
from tests.tiny import tiny_entities_dataset

rows_of_numbers = st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=6), max_size=8)


@given(rows_of_numbers, st.data())
def test_flat_rows_read_like_lists(rows: list[list[int]], data: st.DataObject) -> None:
    flat = RaggedRows.of(rows)

    assert flat.tolist() == [row.tolist() for row in flat] == [flat[i].tolist() for i in range(len(rows))] == rows
    assert flat.lengths.tolist() == [len(row) for row in rows]
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []
    assert flat.take(np.array(chosen, dtype=np.int64)).tolist() == [rows[i] for i in chosen]
    assert flat[1:].tolist() == rows[1:]
    with pytest.raises(IndexError):
        flat[len(rows)]


def test_pairs_stay_pairs() -> None:
    flat = RaggedRows.of([[(1, 0), (3, 1)], [], [(2, 0)]], width=2)

    assert [row.tolist() for row in flat] == [[[1, 0], [3, 1]], [], [[2, 0]]]
    assert flat.take(np.array([2, 1])).tolist() == [[[2, 0]], []]


def test_short_texts_take_a_few_bytes_a_token(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(tiny_model)
    monkeypatch.setattr(tokenization, "TEXTS_AT_ONCE", 100)
    examples = pd.DataFrame({"text": ["the sky is very blue and calm"] * 4000, "label": ["a", "b"] * 2000})
    tracemalloc.start()

    encoded = get_task("single_label").encode(examples, tokenizer, {"a": 0, "b": 1}, 64)

    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    num_tokens = int(encoded.lengths.sum())
    assert num_tokens == 4000 * 9
    assert held < 10 * num_tokens
    assert most < 40 * num_tokens


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_texts_are_encoded_the_same_whatever_is_tokenized_together(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    tokenizer, examples = load_tokenizer(tiny_model), tiny_entities_dataset(23)
    task = get_task("token_classification")
    ids = {name: i for i, name in enumerate(task.output_labels(["LOC", "ORG", "PER"]))}
    expected = task.encode(examples, tokenizer, ids, 6)
    monkeypatch.setattr(tokenization, "TEXTS_AT_ONCE", at_once)

    found = task.encode(examples, tokenizer, ids, 6)

    for name in ("input_ids", "targets", "alignment"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert found.example.tolist() == expected.example.tolist()
