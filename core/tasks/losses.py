"""The two classification losses, with options for imbalanced data: label smoothing, class weights, focal loss, initial biases.

Initial biases let an untrained head predict each label as often as it occurs; without them, the first steps only learn that some
labels are rare. Source: T.-Y. Lin et al., Focal loss for dense object detection, 2017, section 3.3 (the same, for one label).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Target of an output that does not count in the loss."""


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """Modifications of the plain loss.

    Attributes:
        label_smoothing: share of the target probability that is distributed over the other labels.
        label_weights: class weight of each output, float32 ``(num_outputs,)``, or ``None``.
        focal_gamma: focusing parameter, which reduces the loss of easy examples; 0 disables it.
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
        targets: output ids, ``(n,)``; ``IGNORED`` for outputs that do not count.

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
    """Binary cross-entropy over independent outputs; class weights apply to positive targets only.

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
    """Class weights by inverse frequency; their mean over the data is 1, and outputs that never occur get 1.

    The mean is 1 for every strength, since another mean would change the effective learning rate.

    Args:
        counts: how often each output is the gold label, ``(num_outputs,)``.
        strength: exponent of the weights; 1 gives every output the same total weight.
    """
    counts = np.asarray(counts, dtype=float)
    weights = np.maximum(counts, 1) ** -strength
    total = (weights * counts).sum()
    return np.where(counts > 0, weights * (counts.sum() / total if total else 1.0), 1.0)


def positive_weights(counts: np.ndarray, num_examples: int, strength: float = 1.0) -> np.ndarray:
    """Weights of positive targets of every output; 1 for outputs that are never positive, or never negative.

    Args:
        counts: how often each output is positive, ``(num_outputs,)``.
        num_examples: number of examples.
        strength: exponent of the weights; 1 gives positives and negatives the same total weight.
    """
    counts = np.asarray(counts, dtype=float)
    is_asked = (counts > 0) & (counts < num_examples)
    return np.where(is_asked, ((num_examples - counts) / np.maximum(counts, 1)) ** strength, 1.0)


def log_frequencies(counts: np.ndarray) -> np.ndarray:
    """Initial biases for a softmax over all outputs: the log of each output's frequency, with add-one smoothing.

    Args:
        counts: how often each output is the gold label, ``(num_outputs,)``.
    """
    smoothed = np.asarray(counts, dtype=float) + 1.0
    return np.asarray(np.log(smoothed / smoothed.sum()))


def log_odds(counts: np.ndarray, num_examples: int) -> np.ndarray:
    """Initial biases for independent sigmoid outputs: the log-odds of each, with add-one smoothing.

    Args:
        counts: how often each output is positive, ``(num_outputs,)``.
        num_examples: number of examples.
    """
    counts = np.asarray(counts, dtype=float)
    return np.asarray(np.log((counts + 1.0) / (num_examples - counts + 1.0)))
