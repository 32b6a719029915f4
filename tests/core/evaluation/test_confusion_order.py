"""Orders, filters and pairs of a confusion matrix, on matrices small enough to count by hand."""

import numpy as np
import pytest

from core.evaluation.confusion_order import ConfusionView, _joined, _neighbours_first

LABELS = ("a", "b", "c", "d")
COUNTS = np.array([[8, 0, 2, 0], [0, 9, 0, 1], [3, 0, 5, 0], [0, 0, 0, 4]])


@pytest.fixture
def confusion() -> ConfusionView:
    return ConfusionView(rows=LABELS, columns=LABELS, counts=COUNTS)


def test_pairs_come_with_most_examples_first_and_their_share_of_gold(confusion: ConfusionView) -> None:
    pairs = confusion.pairs()
    assert [(pair.gold, pair.predicted, pair.count) for pair in pairs] == [("c", "a", 3), ("a", "c", 2), ("b", "d", 1)]
    assert pairs[0].share == pytest.approx(3 / 8)


def test_labels_taken_for_each_other_become_neighbours(confusion: ConfusionView) -> None:
    rows = confusion.ordered("confused").rows
    assert abs(rows.index("a") - rows.index("c")) == 1
    assert abs(rows.index("b") - rows.index("d")) == 1


@pytest.mark.parametrize("order", ["confused", "support", "name"])
def test_every_order_keeps_every_count(confusion: ConfusionView, order: str) -> None:
    ordered = confusion.ordered(order)
    for i, gold in enumerate(ordered.rows):
        for j, predicted in enumerate(ordered.columns):
            assert ordered.counts[i, j] == COUNTS[LABELS.index(gold), LABELS.index(predicted)]


def test_by_support_puts_frequent_labels_first(confusion: ConfusionView) -> None:
    assert confusion.ordered("support").rows == ("a", "b", "c", "d")


def test_a_fixed_tail_keeps_its_place() -> None:
    confusion = ConfusionView(rows=("z", "y", "(spurious)"), columns=("z", "y", "(missed)"), counts=np.eye(3, dtype=int))
    ordered = confusion.ordered("name", fixed_tail=1)
    assert ordered.rows == ("y", "z", "(spurious)")
    assert ordered.columns == ("y", "z", "(missed)")


def test_only_the_most_confused_labels_remain(confusion: ConfusionView) -> None:
    assert set(confusion.most_confused(2).rows) == {"a", "c"}


def test_shares_of_rows_and_columns_add_up_to_one(confusion: ConfusionView) -> None:
    assert confusion.shares("rows").sum(axis=1) == pytest.approx(np.ones(4))
    assert confusion.shares("columns").sum(axis=0) == pytest.approx(np.ones(4))


def test_a_label_nobody_has_shares_nothing() -> None:
    confusion = ConfusionView(rows=("a", "b"), columns=("a", "b"), counts=np.array([[0, 0], [1, 2]]))
    assert confusion.shares("rows")[0].tolist() == [0.0, 0.0]


def test_a_perfect_matrix_has_no_pairs_and_still_an_order() -> None:
    confusion = ConfusionView(rows=("a", "b"), columns=("a", "b"), counts=np.diag([1, 5]))
    assert confusion.pairs() == []
    assert confusion.ordered("confused").rows == ("b", "a")


def joined_step_by_step(errors: np.ndarray, support: np.ndarray) -> list[int]:
    """The same order, with a search for the largest rate among all pairs at every step."""
    rate = (errors + errors.T) / np.maximum(support[:, None] + support[None, :], 1)
    groups, between = [[i] for i in range(len(support))], rate.copy()
    np.fill_diagonal(between, 0.0)
    while len(groups) > 1 and between.max() > 0.0:
        first, second = sorted(int(i) for i in np.unravel_index(int(between.argmax()), between.shape))
        left, right = len(groups[first]), len(groups[second])
        merged = (left * between[first] + right * between[second]) / (left + right)
        between[first], between[:, first] = merged, merged
        between[first, first] = 0.0
        between = np.delete(np.delete(between, second, axis=0), second, axis=1)
        groups[first] = _joined(groups[first], groups.pop(second), rate)
    weight = errors.sum(axis=0) + errors.sum(axis=1)
    groups.sort(key=lambda group: (-int(weight[group].sum()), -int(support[group].sum())))
    return [i for group in groups for i in group]


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@pytest.mark.parametrize("side", [0, 1, 2, 7, 25])
def test_the_order_is_that_of_merging_step_by_step(side: int, most: int) -> None:
    random = np.random.default_rng(side + most)
    for _ in range(10):
        errors = random.integers(0, most + 1, (side, side)) * (random.random((side, side)) < 0.4)
        np.fill_diagonal(errors, 0)
        support = errors.sum(axis=1) + random.integers(0, 3, side)

        assert _neighbours_first(errors, support) == joined_step_by_step(errors, support)
