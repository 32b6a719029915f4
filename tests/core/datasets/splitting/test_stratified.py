"""Stratified splits."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.splitting.stratified import stratified_split
from tests.strata import pairs_of

FRACTIONS = (0.8, 0.1, 0.1)


def one_hot(labels: list[int]) -> np.ndarray:
    return np.eye(max(labels) + 1, dtype=bool)[labels]


def shares(strata: np.ndarray, names: np.ndarray, split: str) -> np.ndarray:
    return strata[names == split].sum(axis=0)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.integers(0, 5))
@settings(deadline=None)
def test_every_label_with_one_two_or_three_examples_is_where_it_matters_most(labels: list[int], seed: int) -> None:
    strata = one_hot(labels)
    names = stratified_split(pairs_of(strata), FRACTIONS, seed)

    counts = strata.sum(axis=0)
    assert (shares(strata, names, "train")[counts >= 1] >= 1).all()
    assert (shares(strata, names, "test")[counts >= 2] >= 1).all()
    assert (shares(strata, names, "validation")[counts >= 3] >= 1).all()


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=60), st.integers(0, 5))
@settings(deadline=None)
def test_training_has_every_label_of_rows_with_several_labels(rows: list[list[bool]], seed: int) -> None:
    strata = np.array(rows, dtype=bool)
    names = stratified_split(pairs_of(strata), FRACTIONS, seed)

    assert set(names) <= {"train", "validation", "test"}
    assert (shares(strata, names, "train")[strata.any(axis=0)] >= 1).all()


def test_frequent_labels_keep_their_share_in_every_split() -> None:
    random = np.random.default_rng(0)
    strata = random.random((2000, 5)) < np.array([0.5, 0.3, 0.2, 0.1, 0.05])
    names = stratified_split(pairs_of(strata), FRACTIONS, seed=1)

    for split, fraction in zip(("train", "validation", "test"), FRACTIONS, strict=True):
        assert np.mean(names == split) == pytest.approx(fraction, abs=0.01)
        assert shares(strata, names, split) / strata.sum(axis=0) == pytest.approx([fraction] * 5, abs=0.02)


def test_the_same_seed_gives_the_same_splits_and_another_seed_others() -> None:
    strata = one_hot([i % 7 for i in range(200)])

    assert stratified_split(pairs_of(strata), FRACTIONS, 3).tolist() == stratified_split(pairs_of(strata), FRACTIONS, 3).tolist()
    assert stratified_split(pairs_of(strata), FRACTIONS, 3).tolist() != stratified_split(pairs_of(strata), FRACTIONS, 4).tolist()


def test_a_seed_gives_the_splits_it_gave_in_earlier_versions() -> None:
    random = np.random.default_rng(7)
    strata = random.random((3000, 12)) < random.random(12) * 0.3
    groups = random.integers(0, 2000, 3000)
    found = [
        "".join(name[1] for name in stratified_split(pairs_of(strata), fractions, 5, groups=own))
        for fractions in (FRACTIONS, (0.9, 0.1, 0.0), (0.6, 0.2, 0.2))
        for own in (None, groups)
    ]

    assert hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] == "34c061bac6b77c60"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=80))
@settings(deadline=None)
def test_examples_of_one_group_stay_together(rows: list[tuple[int, int]]) -> None:
    groups = np.array([group for group, _ in rows])
    names = stratified_split(pairs_of(one_hot([label for _, label in rows])), FRACTIONS, 0, groups=groups)

    assert all(len(set(names[groups == group])) == 1 for group in groups)


def test_examples_without_any_label_are_spread_over_all_splits() -> None:
    names = stratified_split(pairs_of(np.zeros((100, 3), dtype=bool)), FRACTIONS, 0)

    assert [int(np.sum(names == split)) for split in ("train", "validation", "test")] == [80, 10, 10]


def test_a_split_without_a_fraction_gets_nothing() -> None:
    names = stratified_split(pairs_of(one_hot([i % 3 for i in range(30)])), (0.9, 0.1, 0.0), 0)

    assert set(names) == {"train", "validation"}


def test_small_data_still_fills_every_split() -> None:
    names = stratified_split(pairs_of(one_hot([0, 0, 0, 0, 0, 1, 1, 1, 1, 1][:6])), FRACTIONS, 0)

    assert set(names) == {"train", "validation", "test"}
