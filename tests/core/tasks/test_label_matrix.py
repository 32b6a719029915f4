"""The sparse label matrix equals the dense one in every task, and so does everything that is computed from it."""

import hashlib
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.datasets.splitting.grouped import split_by_group
from core.datasets.splitting.stratified import stratified_split
from core.tasks import get_task
from core.tasks.label_matrix import LabelMatrix
from core.training.steps.batching import balanced_weights
from tests.strata import pairs_of, table_of

LABELS = st.sampled_from(["b", "a", "Z", "ä", "10", "9", "a b"])
ROWS = st.lists(st.lists(LABELS, max_size=5), max_size=40)
"""Labels of each example: in any order, some twice, some examples without any."""


def single(rows: list[list[str]]) -> pd.DataFrame:
    return pd.DataFrame({"label": pd.Series([row[0] if row else "none" for row in rows], dtype=object)})


def several(rows: list[list[str]]) -> pd.DataFrame:
    return pd.DataFrame({"labels": pd.Series(rows, dtype=object)})


def entities(rows: list[list[str]]) -> pd.DataFrame:
    tags = [[tag for label in row for tag in (f"B-{label}", f"I-{label}", "O")] or ["O"] for row in rows]
    return pd.DataFrame({"tags": pd.Series(tags, dtype=object)})


def as_table(rows: list[set[str]]) -> np.ndarray:
    """The dense matrix."""
    names = sorted({label for row in rows for label in row})
    return np.array([[name in row for name in names] for row in rows], dtype=bool).reshape(len(rows), len(names))


def weights_of_table(table: np.ndarray) -> np.ndarray:
    """How often each example is drawn, computed from the dense matrix."""
    counts = np.maximum(table.sum(axis=0), 1)
    rarity = np.where(table, 1.0 / counts, 0.0).max(axis=1, initial=0.0)
    return np.asarray(np.where(rarity > 0, rarity, 1.0 / counts.max(initial=1)))


@pytest.mark.parametrize(
    ("task", "examples_of"), [("single_label", single), ("multi_label", several), ("token_classification", entities)]
)
@given(rows=ROWS)
def test_the_pairs_of_every_task_are_those_of_the_table_in_its_order(
    task: str, examples_of: Callable[[list[list[str]]], pd.DataFrame], rows: list[list[str]]
) -> None:
    examples = examples_of(rows)
    table = as_table([set(labels) for labels in get_task(task).row_labels(examples)])

    strata = get_task(task).strata(examples)

    expected = pairs_of(table)
    assert (strata.num_rows, strata.num_labels) == table.shape
    assert strata.rows.tolist() == expected.rows.tolist()
    assert strata.labels.tolist() == expected.labels.tolist()
    assert strata.counts.tolist() == table.sum(axis=0).tolist()


@given(rows=ROWS)
def test_balanced_weights_are_to_the_last_bit_those_of_the_table(rows: list[list[str]]) -> None:
    strata = get_task("multi_label").strata(several(rows))

    assert balanced_weights(strata).tolist() == weights_of_table(table_of(strata)).tolist()


def test_splits_by_group_are_those_of_earlier_versions() -> None:
    random = np.random.default_rng(11)
    strata = pairs_of(random.random((2000, 12)) < random.random(12) * 0.3)
    groups = [f"g{number}" for number in random.integers(0, 300, 2000)]
    found = split_by_group(groups, strata, (0.7, 0.2, 0.1), 5, column="g").names

    assert hashlib.sha256(" ".join(map(str, found)).encode()).hexdigest()[:16] == "c7487084be7c7e67"


def test_many_rows_of_many_labels_are_split_and_weighed_in_memory_for_their_pairs_only() -> None:
    number, labels = 50_000, 1000
    drawn = np.random.default_rng(0).integers(0, labels, number)
    strata = LabelMatrix(rows=np.arange(number), labels=drawn, num_rows=number, num_labels=labels)

    tracemalloc.start()
    stratified_split(strata, (0.8, 0.1, 0.1), 0)
    balanced_weights(strata)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < number * labels / 2  # the dense matrix takes a byte for each label of each row
