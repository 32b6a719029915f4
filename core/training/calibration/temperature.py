"""Temperature scaling of a trained model's logits, and the weight of the TF-IDF classifier, both fitted on validation.

Fine-tuning leaves a model overconfident. One factor for all logits corrects that and keeps the ranking of the labels. If a TF-IDF
classifier was trained, a second factor weighs its logits. Both factors minimize the validation loss. A factor is used only if it
lowers the loss in cross-validation, and if there are enough errors to fit it.

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
"""Misclassified validation texts needed for each fitted factor; with fewer, the fit would not generalize."""

SCALES = (0.2, 2.0)
"""Bounds of the scale (inverse temperature): without an error on validation it would grow without limit."""

MOST_EVIDENCE = 5.0
MOST_ANSWERS = 500_000
"""Most examples times labels used for fitting, some seconds; two factors need no more."""

SummedLoss = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, Any]]
"""Logits and targets -> their summed loss, and the number of units it sums over."""


@dataclass(frozen=True, kw_only=True)
class LogitScaling:
    """The scaling of the logits.

    Attributes:
        scale: factor of the classifier's logits (inverse temperature).
        evidence: factor of the TF-IDF classifier's logits before they are added.
        num_mistakes: validation texts misclassified without scaling.
        loss_before, loss: cross-validated validation loss without and with scaling; ``None`` if there were too few errors.
    """

    scale: float = 1.0
    evidence: float = 0.0
    num_mistakes: int = 0
    loss_before: float | None = None
    loss: float | None = None


def choose_factors(
    logits: np.ndarray, targets: torch.Tensor, loss: SummedLoss, said: np.ndarray | None = None, *, may_scale: bool = True
) -> LogitScaling:
    """The factors with the lowest cross-validated loss on the validation split.

    Args:
        logits: of the validation split, ``(n, num_outputs)``.
        targets: as the task collates them; ``n`` in the first dimension.
        loss: of the task.
        said: logits of the TF-IDF classifier, ``(n, num_outputs)``; ``None`` without one.
        may_scale: whether the logits may be scaled if no TF-IDF classifier is added.

    Returns:
        Factors 1 and 0 if there are too few errors, or if no factor lowers the loss by more than its standard error.
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
        # Compared with scaled logits even if scaling is off: what scaling alone achieves is not due to the TF-IDF classifier.
        if _is_lower(together, best) and _is_lower(together, alone):
            scale, evidence = folds.fit(folds.everything, with_words=True)
            kept = replace(kept, scale=scale, evidence=evidence, loss=float(together.mean()))
    return kept


def count_mistakes(logits: np.ndarray, targets: torch.Tensor) -> int:
    """Misclassified texts; in multi-label tasks, texts with at least one wrong decision."""
    if targets.ndim == 1:
        return int((logits.argmax(axis=1) != targets.numpy()).sum()) if len(logits) else 0
    return int(((logits > 0) != (targets.numpy() > 0.5)).any(axis=1).sum())


def _is_lower(losses: np.ndarray, others: np.ndarray) -> bool:
    """Whether losses of the same folds are lower by more than the standard error of the difference."""
    gains = others - losses
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))


class _Folds:
    """Cross-validation on the validation split: each fold is evaluated with factors fitted on the others."""

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
        """Mean loss of each fold, with the factors given for the rows of the others."""
        losses = []
        for fold in range(NUM_FOLDS):
            inside, others = (torch.nonzero(self._fold == fold).flatten(), torch.nonzero(self._fold != fold).flatten())
            losses.append(float(self._mean_loss(inside, torch.tensor(factors(others), dtype=torch.float64))))
        return np.array(losses)

    def fit(self, rows: torch.Tensor, *, with_words: bool) -> tuple[float, float]:
        """Factors of logits and TF-IDF logits with the lowest loss on some rows; the loss has a single minimum."""

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
