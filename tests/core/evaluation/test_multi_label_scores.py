import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    hamming_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from core.evaluation.multi_label import best_thresholds, score_multi_label

LABELS = ["a", "b", "c"]
HALF = np.full(3, 0.5)


def score(gold: np.ndarray, probabilities: np.ndarray) -> object:
    return score_multi_label(gold, probabilities >= HALF, probabilities, HALF, LABELS, loss=0.1)


@given(
    arrays(bool, (12, 3)),
    arrays(float, (12, 3), elements=st.floats(0, 1)),
)
def test_every_figure_agrees_with_scikit_learn(gold: np.ndarray, probabilities: np.ndarray) -> None:
    result = score(gold, probabilities)
    predicted = probabilities >= HALF

    assert result.exact_match == pytest.approx(accuracy_score(gold, predicted))
    assert result.hamming_loss == pytest.approx(hamming_loss(gold, predicted))
    expected = multilabel_confusion_matrix(gold, predicted)
    found = [[[x.true_negative, x.false_positive], [x.false_negative, x.true_positive]] for x in result.labels]
    assert found == expected.tolist()
    micro = precision_recall_fscore_support(gold, predicted, average="micro", zero_division=0)[:3]
    assert (result.micro.precision, result.micro.recall, result.micro.f1) == pytest.approx(micro)
    for i, label in enumerate(result.labels):
        if gold[:, i].any():
            assert label.average_precision == pytest.approx(average_precision_score(gold[:, i], probabilities[:, i]))


def test_example_without_labels_rightly_given_none_counts_as_right() -> None:
    gold = np.array([[False, False, False], [True, False, False]])
    result = score(gold, np.array([[0.1, 0.1, 0.1], [0.9, 0.1, 0.1]]))

    assert (result.samples.f1, result.exact_match) == (1.0, 1.0)


def test_confusion_counts_what_was_given_instead_of_a_missed_label() -> None:
    gold = np.array([[True, False, False]])
    result = score(gold, np.array([[0.1, 0.9, 0.2]]))

    assert result.confusion.counts == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_curve_at_one_half_is_the_score_at_one_half() -> None:
    random = np.random.default_rng(0)
    gold, probabilities = random.random((50, 3)) < 0.4, random.random((50, 3))
    result = score(gold, probabilities)

    at = result.curve.thresholds.index(0.5)
    assert result.curve.f1[at] == pytest.approx(result.micro.f1)
    assert result.label_curves["b"]["recall"][at] == pytest.approx(result.labels[1].recall)


def test_threshold_of_a_frequent_label_follows_its_own_curve() -> None:
    gold = np.zeros((200, 2), dtype=bool)
    gold[:100, 0] = True
    gold[:100, 1] = True
    probabilities = np.where(gold, 0.9, 0.1).astype(float)
    probabilities[:100, 0] = 0.3  # always right, but with low probability

    thresholds = best_thresholds(gold, probabilities)

    assert 0.1 < thresholds[0] <= 0.3
    assert 0.1 < thresholds[1] <= 0.9


def test_threshold_of_a_rare_label_stays_near_the_common_one() -> None:
    random = np.random.default_rng(1)
    gold = np.zeros((300, 2), dtype=bool)
    gold[:150, 0] = True
    gold[0, 1] = True
    probabilities = np.clip(np.where(gold, 0.8, 0.2) + random.normal(0, 0.1, gold.shape), 0, 1)
    probabilities[0, 1] = 0.05  # its only example alone would give a threshold that accepts everything

    assert best_thresholds(gold, probabilities)[1] > 0.2


def test_no_validation_examples_leave_one_half() -> None:
    assert best_thresholds(np.zeros((0, 2), dtype=bool), np.zeros((0, 2))).tolist() == [0.5, 0.5]
