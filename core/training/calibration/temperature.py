"""What validation teaches about a trained model's logits: how sure they may be, and how much words by themselves should add.

Fine-tuning leaves a model surer than it is right. One factor for all logits mends that and changes no order. Where the model has
word evidence beside it, a second factor says how much that counts. Both are what makes validation's loss the least, and neither
is used unless it lowers the loss of examples it was not fitted to, nor where there are too few mistakes to learn it from.

Sources: C. Guo et al., On calibration of modern neural networks, 2017, there called temperature scaling; P. Peduzzi et al., A
simulation study of the number of events per variable in logistic regression analysis, 1996.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

NUM_FOLDS = 10

MISTAKES_PER_FACTOR = 10
"""Texts answered wrongly there must be for each number that is fitted: four mistakes do not foretell the next four."""

SCALES = (0.2, 2.0)
"""How far logits may be shrunk or stretched: validation without a mistake would stretch them for ever."""

MOST_EVIDENCE = 5.0
MOST_ANSWERS = 500_000
"""Examples times labels that are looked at, some seconds; two factors need no more."""

SummedLoss = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, Any]]
"""Logits and targets -> their summed loss, and how many answers it sums over."""


@dataclass(frozen=True, kw_only=True)
class LogitScaling:
    """What is done to the logits.

    Attributes:
        scale: what they are multiplied with.
        evidence: what the words' evidence is multiplied with before it is added.
        num_mistakes: texts of the validation split that were answered wrongly without.
        loss_before, loss: on validation without and with it, each example answered with factors fitted to others;
            nothing where there were too few mistakes to tell.
    """

    scale: float = 1.0
    evidence: float = 0.0
    num_mistakes: int = 0
    loss_before: float | None = None
    loss: float | None = None


def choose_factors(
    logits: np.ndarray, targets: torch.Tensor, loss: SummedLoss, said: np.ndarray | None = None, *, may_scale: bool = True
) -> LogitScaling:
    """The factors that suit validation best, of those that are worth having.

    Args:
        logits: of the validation split, ``(n, num_outputs)``.
        targets: as the task collates them; ``n`` in the first dimension.
        loss: of the task.
        said: what the words say, ``(n, num_outputs)``, where that is to be weighed.
        may_scale: whether the logits may be scaled where no evidence is added.

    Returns:
        Factors 1 and 0 where there are too few mistakes to tell, or no loss that would be lower by more than its own error.
    """
    mistakes = count_mistakes(logits, targets)
    if mistakes < MISTAKES_PER_FACTOR:
        return LogitScaling(num_mistakes=mistakes)
    folds = _Folds(logits, targets, loss, said)
    as_it_is = folds.losses(lambda _: (1.0, 0.0))
    before = float(as_it_is.mean())
    best, kept = as_it_is, LogitScaling(num_mistakes=mistakes, loss_before=before, loss=before)
    alone = folds.losses(lambda rows: folds.fit(rows, with_words=False))
    if may_scale and _is_lower(alone, best):
        scale, _ = folds.fit(folds.everything, with_words=False)
        best, kept = alone, replace(kept, scale=scale, loss=float(alone.mean()))
    if said is not None and mistakes >= 2 * MISTAKES_PER_FACTOR:
        together = folds.losses(lambda rows: folds.fit(rows, with_words=True))
        # Against scaled logits, even where they may not be: what scaling alone achieves is no merit of the words.
        if _is_lower(together, best) and _is_lower(together, alone):
            scale, evidence = folds.fit(folds.everything, with_words=True)
            kept = replace(kept, scale=scale, evidence=evidence, loss=float(together.mean()))
    return kept


def count_mistakes(logits: np.ndarray, targets: torch.Tensor) -> int:
    """Texts that are answered wrongly as the logits stand; of several labels one wrong decision is enough."""
    if targets.ndim == 1:
        return int((logits.argmax(axis=1) != targets.numpy()).sum()) if len(logits) else 0
    return int(((logits > 0) != (targets.numpy() > 0.5)).any(axis=1).sum())


def _is_lower(losses: np.ndarray, others: np.ndarray) -> bool:
    """Whether losses of the same folds are lower by more than the standard error of the difference."""
    gains = others - losses
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))


class _Folds:
    """The validation split in parts, each to be answered with what the others teach."""

    def __init__(self, logits: np.ndarray, targets: torch.Tensor, loss: SummedLoss, said: np.ndarray | None) -> None:
        order = np.random.default_rng(0).permutation(len(logits))[: MOST_ANSWERS // max(1, logits.shape[1])]
        self.everything = torch.arange(len(order))
        self._logits = torch.from_numpy(logits[order]).double()
        self._said = torch.zeros_like(self._logits) if said is None else torch.from_numpy(said[order]).double()
        targets = targets[torch.from_numpy(order)]
        self._targets = targets.double() if targets.is_floating_point() else targets
        self._loss = loss
        self._fold = self.everything % NUM_FOLDS

    def losses(self, factors: Callable[[torch.Tensor], tuple[float, float]]) -> np.ndarray:
        """Mean loss of each part with the factors that are given for the rows of the others."""
        losses = []
        for fold in range(NUM_FOLDS):
            inside, others = (torch.nonzero(self._fold == fold).flatten(), torch.nonzero(self._fold != fold).flatten())
            losses.append(float(self._mean_loss(inside, torch.tensor(factors(others), dtype=torch.float64))))
        return np.array(losses)

    def fit(self, rows: torch.Tensor, *, with_words: bool) -> tuple[float, float]:
        """Factors of logits and evidence with the least loss on some rows; the loss has one minimum and no other."""

        def loss_and_slope(factors: np.ndarray) -> tuple[float, np.ndarray]:
            at = torch.from_numpy(factors).requires_grad_()
            loss = self._mean_loss(rows, at)
            (slope,) = torch.autograd.grad(loss, at)
            return float(loss.detach()), slope.numpy()

        bounds = [SCALES, (0.0, MOST_EVIDENCE if with_words else 0.0)]
        scale, evidence = minimize(loss_and_slope, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
        return float(scale), float(evidence)

    def _mean_loss(self, rows: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
        total, units = self._loss(factors[0] * self._logits[rows] + factors[1] * self._said[rows], self._targets[rows])
        mean: torch.Tensor = total / units
        return mean
