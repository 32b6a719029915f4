"""Temperature scaling and the weight of the TF-IDF classifier: known factors are found, useless ones are not applied."""

import numpy as np
import pytest
import torch

from core.tasks import get_task
from core.training.calibration.temperature import LogitScaling, choose_factors, count_mistakes

LOSS = get_task("single_label").loss


def world(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    """Calibrated logits, independent TF-IDF logits, and targets drawn from the sum of both."""
    random = np.random.default_rng(seed)
    logits, said = random.normal(size=(2, n, 4)).astype(np.float32) * np.array([[[2.0]], [[1.5]]], dtype=np.float32)
    targets = (logits + said + random.gumbel(size=(n, 4))).argmax(axis=1)
    return logits, said, torch.from_numpy(targets)


def drawn_from(logits: np.ndarray, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy((logits + np.random.default_rng(seed).gumbel(size=logits.shape)).argmax(axis=1))


@pytest.mark.parametrize("wrong_by", [3.0, 0.6])
def test_scale_is_found_again(wrong_by: float) -> None:
    logits, _, _ = world(2000)

    factors = choose_factors(wrong_by * logits, drawn_from(logits), LOSS)

    assert factors.scale == pytest.approx(1 / wrong_by, rel=0.15)
    assert factors.evidence == 0
    assert factors.loss < factors.loss_before - 0.01


def test_logits_that_are_right_already_are_left_alone() -> None:
    logits, _, _ = world(2000)

    assert choose_factors(logits, drawn_from(logits), LOSS).scale == 1


def test_evidence_counts_as_much_as_it_knows() -> None:
    logits, said, targets = world(2000)

    factors = choose_factors(2 * logits, targets, LOSS, 4 * said)

    assert factors.scale == pytest.approx(1 / 2, rel=0.15)
    assert factors.evidence == pytest.approx(1 / 4, rel=0.15)
    fresh_logits, fresh_said, fresh_targets = world(2000, seed=5)
    together = torch.from_numpy(factors.scale * 2 * fresh_logits + factors.evidence * 4 * fresh_said)
    loss, units = LOSS(together, fresh_targets)
    assert float(loss) / float(units) == pytest.approx(factors.loss, rel=0.1)


def test_evidence_that_knows_nothing_is_left_out() -> None:
    logits, _, _ = world(300)
    noise = np.random.default_rng(7).normal(size=logits.shape).astype(np.float32)

    assert choose_factors(3 * logits, drawn_from(logits), LOSS, noise).evidence == 0


def test_only_evidence_may_be_asked_for() -> None:
    logits, said, targets = world(2000)

    assert choose_factors(3 * logits, drawn_from(logits), LOSS, may_scale=False).scale == 1
    assert choose_factors(3 * logits, targets, LOSS, said, may_scale=False).evidence > 0
    # Where scaling alone would do as well, words have no merit.
    assert choose_factors(3 * logits, drawn_from(logits), LOSS, 0 * said, may_scale=False).scale == 1


def test_several_labels_are_scaled_by_their_own_loss() -> None:
    random = np.random.default_rng(3)
    logits = 2 * random.normal(size=(500, 3)).astype(np.float32)
    targets = torch.from_numpy(random.random(logits.shape) < 1 / (1 + np.exp(-logits))).float()

    assert choose_factors(2.5 * logits, targets, get_task("multi_label").loss).scale == pytest.approx(1 / 2.5, rel=0.15)


def test_of_few_mistakes_nothing_is_learned() -> None:
    logits, said, targets = world(2000)
    is_right = logits.argmax(axis=1) == targets.numpy()

    def chosen(num_mistakes: int) -> LogitScaling:
        rows = np.concatenate([np.flatnonzero(is_right)[:200], np.flatnonzero(~is_right)[:num_mistakes]])
        factors = choose_factors(9 * logits[rows], targets[rows], LOSS, 3 * said[rows])
        assert factors.num_mistakes == num_mistakes
        return factors

    assert chosen(9) == LogitScaling(num_mistakes=9)
    assert chosen(19).scale < 1
    assert chosen(19).evidence == 0
    assert chosen(60).evidence > 0
    assert choose_factors(np.zeros((0, 0), dtype=np.float32), targets[:0], LOSS) == LogitScaling()


def test_a_text_of_several_labels_is_a_mistake_if_one_of_them_is() -> None:
    logits = np.array([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]], dtype=np.float32)

    assert count_mistakes(logits, torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])) == 2
    assert count_mistakes(logits, torch.tensor([0, 1, 1])) == 2


def test_logits_are_not_stretched_for_ever() -> None:
    logits, _, _ = world(500)

    assert choose_factors(0.01 * logits, drawn_from(logits), LOSS).scale == 2
