"""The optimizer, its groups of parameters, and the schedule of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from core.models.heads import Classifier

HEAD_FACTOR = 10.0
"""How much faster than the encoder a fresh head learns unless a run says otherwise."""


DECAYS: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "linear": lambda share: 1.0 - share,
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
}
"""What is left of the learning rate when a share of the steps after the warm-up is done."""


def build_optimizer(
    classifier: Classifier, *, learning_rate: float, head_learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW over four groups: encoder and head, each with and without weight decay.

    Biases and the scales of normalisations are not decayed: pulling them towards zero only weakens the model.
    """
    fresh = {id(parameter) for parameter in classifier.fresh_parameters()}
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for parameter in classifier.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in fresh, parameter.ndim >= 2), []).append(parameter)
    settings: list[dict[str, Any]] = [
        {
            "params": parameters,
            "lr": head_learning_rate if is_fresh else learning_rate,
            "weight_decay": weight_decay if is_matrix else 0.0,
        }
        for (is_fresh, is_matrix), parameters in groups.items()
    ]
    # The fused step touches every number once instead of a dozen times.
    return torch.optim.AdamW(settings, betas=(0.9, 0.999), eps=1e-8, fused=True)


def schedule_factor(schedule: str, total_steps: int, warmup_steps: int) -> Callable[[int], float]:
    """What the learning rate is multiplied with at each step, counted from 0."""
    decay = DECAYS[schedule]

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        return decay(min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps)))

    return factor
