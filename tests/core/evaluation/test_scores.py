import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from core.evaluation.classification import score_classification
from core.evaluation.scores import wilson_interval

LABELS = ["a", "b", "c"]
ids = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def test_hand_counted_split() -> None:
    gold, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])

    result = score_classification(gold, predicted, LABELS, loss=0.5)

    assert result.confusion.counts == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert [(row.precision, row.recall, row.support) for row in result.labels] == [
        (pytest.approx(2 / 3), pytest.approx(2 / 3), 3),
        (pytest.approx(2 / 3), 1.0, 2),
        (0.0, 0.0, 1),
    ]
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.macro.f1 == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert result.weighted.f1 == pytest.approx((3 * 2 / 3 + 2 * 4 / 5) / 6)


@given(ids)
def test_every_figure_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = (np.array(column) for column in zip(*pairs, strict=True))

    result = score_classification(gold, predicted, LABELS, loss=0.0)

    assert result.accuracy == pytest.approx(accuracy_score(gold, predicted))
    assert result.confusion.counts == confusion_matrix(gold, predicted, labels=[0, 1, 2]).tolist()
    for name in ("macro", "micro", "weighted"):
        expected = precision_recall_fscore_support(gold, predicted, average=name, zero_division=0)[:3]
        found = getattr(result, name)
        assert (found.precision, found.recall, found.f1) == pytest.approx(expected)


def test_wilson_interval_of_a_known_case() -> None:
    low, high = wilson_interval(8, 10)

    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


@pytest.mark.parametrize(("hits", "trials"), [(0, 5), (5, 5), (0, 0), (1, 1)])
def test_wilson_interval_stays_between_zero_and_one_and_holds_the_share(hits: int, trials: int) -> None:
    low, high = wilson_interval(hits, trials)

    assert 0.0 <= low <= (hits / trials if trials else 0.5) <= high <= 1.0
