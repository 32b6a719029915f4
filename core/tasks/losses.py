"""The two losses of classification, with what makes them fit uneven data: smoothing, label weights, focus, starting biases.

Without biases with which an untrained head predicts each label as often as it occurs, the first steps learn nothing but that some
labels are rare. Source: T.-Y. Lin et al., Focal loss for dense object detection, 2017, section 3.3 (the same, for one label).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Target of an output that is not asked for."""


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """How a loss departs from the plain one.

    Attributes:
        label_smoothing: share of certainty that is given away.
        label_weights: what a mistake on each output counts, float32 ``(num_outputs,)``, or ``None``.
        focal_gamma: how strongly what is already right is disregarded; 0 is not at all.
    """

    label_smoothing: float = 0.0
    label_weights: torch.Tensor | None = None
    focal_gamma: float = 0.0


PLAIN = LossOptions()


def softmax_loss(logits: torch.Tensor, targets: torch.Tensor, options: LossOptions) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy over exclusive outputs.

    Source of the focal factor: T.-Y. Lin et al., Focal loss for dense object detection, 2017, equation 4.

    Args:
        logits: ``(n, num_outputs)``.
        targets: output ids, ``(n,)``; ``IGNORED`` where nothing is asked.

    Returns:
        Summed loss, and the number of targets it sums over.
    """
    import torch

    losses = torch.nn.functional.cross_entropy(
        logits,
        targets,
        weight=options.label_weights,
        ignore_index=IGNORED,
        reduction="none",
        label_smoothing=options.label_smoothing,
    )
    asked = targets != IGNORED
    if options.focal_gamma:
        right = torch.softmax(logits, dim=-1).gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        losses = losses * (1 - right) ** options.focal_gamma
    return losses.sum(), asked.sum()


def sigmoid_loss(logits: torch.Tensor, targets: torch.Tensor, options: LossOptions) -> tuple[torch.Tensor, torch.Tensor]:
    """Binary cross-entropy over independent outputs; label weights count for the positive side alone.

    Args:
        logits, targets: ``(n, num_outputs)``; targets are 0 or 1.

    Returns:
        Summed loss, and the number of decisions it sums over.
    """
    import torch

    softened = targets * (1 - options.label_smoothing) + 0.5 * options.label_smoothing
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, softened, pos_weight=options.label_weights, reduction="none"
    )
    if options.focal_gamma:
        probabilities = torch.sigmoid(logits)
        right = torch.where(targets > 0.5, probabilities, 1 - probabilities)
        losses = losses * (1 - right) ** options.focal_gamma
    return losses.sum(), torch.tensor(targets.numel(), device=logits.device)


def exclusive_weights(counts: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Weights that make rare outputs count more; the mean over the data is 1, and outputs never seen count 1.

    Whatever the strength, the mean stays 1: another one would be another learning rate.

    Args:
        counts: how often each output is the right one, ``(num_outputs,)``.
        strength: 1 for every output to count alike in sum; it is the power to which the ratio of two weights is raised.
    """
    counts = np.asarray(counts, dtype=float)
    weights = np.maximum(counts, 1) ** -strength
    total = (weights * counts).sum()
    return np.where(counts > 0, weights * (counts.sum() / total if total else 1.0), 1.0)


def positive_weights(counts: np.ndarray, num_examples: int, strength: float = 1.0) -> np.ndarray:
    """Weights of the positive side of every output; 1 for outputs that are never yes, or never no.

    Args:
        counts: how often each output is yes, ``(num_outputs,)``.
        num_examples: how often each was asked.
        strength: 1 for yes and no to count alike in sum; it is the power to which the weight is raised.
    """
    counts = np.asarray(counts, dtype=float)
    is_asked = (counts > 0) & (counts < num_examples)
    return np.where(is_asked, ((num_examples - counts) / np.maximum(counts, 1)) ** strength, 1.0)


def log_frequencies(counts: np.ndarray) -> np.ndarray:
    """For a softmax over all outputs: the log of each one's share, as if each had been seen once more.

    Args:
        counts: how often each output is the right one, ``(num_outputs,)``.
    """
    smoothed = np.asarray(counts, dtype=float) + 1.0
    return np.asarray(np.log(smoothed / smoothed.sum()))


def log_odds(counts: np.ndarray, num_examples: int) -> np.ndarray:
    """For independent yes-or-no outputs: the log-odds of each, as if each answer had been seen once more.

    Args:
        counts: how often each output is yes, ``(num_outputs,)``.
        num_examples: how often each was asked.
    """
    counts = np.asarray(counts, dtype=float)
    return np.asarray(np.log((counts + 1.0) / (num_examples - counts + 1.0)))
