import numpy as np
import pytest
import torch

from core.tasks.losses import IGNORED, PLAIN, LossOptions, exclusive_weights, positive_weights, sigmoid_loss, softmax_loss
from core.training.steps.batching import balanced_weights, training_batches
from tests.strata import pairs_of

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 3.0]])


def test_what_is_not_asked_counts_neither_in_the_sum_nor_in_the_number() -> None:
    total, count = softmax_loss(LOGITS, torch.tensor([0, IGNORED, 1]), PLAIN)

    expected = -np.log(np.exp(2) / (np.exp(2) + 1)) - np.log(0.5)
    assert (float(total), int(count)) == (pytest.approx(expected), 2)


def test_focal_loss_is_its_formula() -> None:
    targets = torch.tensor([0, 1, 1])
    total, _ = softmax_loss(LOGITS, targets, LossOptions(focal_gamma=2.0))

    right = torch.softmax(LOGITS, -1)[torch.arange(3), targets]
    assert float(total) == pytest.approx(float((-((1 - right) ** 2) * right.log()).sum()))
    yes_no, _ = sigmoid_loss(torch.tensor([[1.5]]), torch.tensor([[0.0]]), LossOptions(focal_gamma=2.0))
    p = 1 - torch.sigmoid(torch.tensor(1.5))
    assert float(yes_no) == pytest.approx(float(-((1 - p) ** 2) * p.log()))


def test_label_weights_count_mistakes_on_rare_labels_more() -> None:
    weights = torch.tensor([1.0, 3.0])
    plain, _ = softmax_loss(LOGITS[2:], torch.tensor([1]), PLAIN)
    weighted, _ = softmax_loss(LOGITS[2:], torch.tensor([1]), LossOptions(label_weights=weights))

    assert float(weighted) == pytest.approx(3 * float(plain))


def test_balanced_weights_make_every_label_weigh_alike() -> None:
    counts = np.array([90, 10, 0])

    weights = exclusive_weights(counts)

    assert (weights * counts).tolist() == [50.0, 50.0, 0.0]
    assert weights[2] == 1.0


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_weights_keep_a_mean_of_one_over_the_data_whatever_their_strength(strength: float) -> None:
    """A lower mean would be an unintended lower learning rate."""
    counts = np.array([*np.arange(1, 77) ** 2, 0])

    weights = exclusive_weights(counts, strength)

    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)
    assert weights[76] == 1.0
    assert weights[0] / weights[9] == pytest.approx(100.0**strength)


def test_square_roots_of_positive_weights_go_half_the_way() -> None:
    assert positive_weights(np.array([10, 50, 0]), 100, 0.5).tolist() == [3.0, 1.0, 1.0]


def test_positive_weights_make_yes_and_no_weigh_alike() -> None:
    assert positive_weights(np.array([10, 50, 0, 100]), 100).tolist() == [9.0, 1.0, 1.0, 1.0]


def test_label_smoothing_aims_below_certainty() -> None:
    sure = torch.tensor([[30.0, -30.0]])
    plain, _ = softmax_loss(sure, torch.tensor([0]), PLAIN)
    smoothed, _ = softmax_loss(sure, torch.tensor([0]), LossOptions(label_smoothing=0.1))

    assert float(plain) == pytest.approx(0.0, abs=1e-6)
    assert float(smoothed) == pytest.approx(0.05 * 60, rel=1e-3)


def test_balanced_sampling_shows_rare_labels_as_often_as_frequent_ones() -> None:
    labels = np.array([0] * 900 + [1] * 100)
    weights = balanced_weights(pairs_of(labels[:, None] == np.array([0, 1])[None, :]))

    drawn = [i for batch in training_batches([1] * 1000, 32, seed=0, epoch=0, weights=weights) for i in batch]

    assert len(drawn) == 1000
    assert 0.42 < np.mean(labels[drawn]) < 0.58


def test_example_without_a_label_is_drawn_like_one_of_the_most_frequent() -> None:
    strata = np.array([[True, False], [True, False], [True, True], [False, False]])

    assert balanced_weights(pairs_of(strata)) == pytest.approx([1 / 3, 1 / 3, 1.0, 1 / 3])
