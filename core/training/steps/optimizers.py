"""The optimizer and its parameter groups: encoder layers, embeddings and head, each with and without weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from core.models.freezing import layer_of, num_layers
from core.models.heads import Classifier

HEAD_FACTOR = 10.0
"""Default ratio of the head's learning rate to the encoder's."""


def build_optimizer(
    classifier: Classifier,
    *,
    optimizer: str = "adamw",
    learning_rate: float,
    head_learning_rate: float,
    weight_decay: float = 0.0,
    layer_decay: float = 1.0,
    momentum: float = 0.9,
) -> torch.optim.Optimizer:
    """An optimizer over all trainable parameters.

    Biases and the scales of normalization layers get no weight decay: pulling them towards zero only weakens the model.

    Args:
        classifier: its parameters that require gradients are taken.
        optimizer: adamw, adam, sgd or adafactor.
        learning_rate: of the encoder's top layer.
        head_learning_rate: of the new head.
        weight_decay: of matrices; decoupled for AdamW and Adafactor, added to the gradient for Adam and SGD.
        layer_decay: each layer's learning rate as a share of the one above it.
        momentum: of SGD.
    """
    groups = _groups(classifier, learning_rate, head_learning_rate, weight_decay, layer_decay)
    if optimizer == "adafactor":
        return torch.optim.Adafactor(groups, lr=learning_rate)
    if optimizer == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, nesterov=momentum > 0, fused=True)
    # The fused step reads every parameter once instead of a dozen times.
    kind: type[torch.optim.Adam] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[optimizer]
    return kind(groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)


def add_l1_gradient(parameters: Iterable[torch.nn.Parameter], strength: float) -> None:
    """Add the gradient of ``strength`` times the sum of absolute values, for matrices that have a gradient."""
    for parameter in parameters:
        if parameter.grad is not None and parameter.ndim >= 2:
            parameter.grad.add_(parameter.detach().sign(), alpha=strength)


def _groups(
    classifier: Classifier, learning_rate: float, head_learning_rate: float, weight_decay: float, layer_decay: float
) -> list[dict[str, Any]]:
    fresh = {id(parameter) for parameter in classifier.fresh_parameters()}
    top = num_layers(classifier.pretrained) - 1
    names = {id(parameter): name for name, parameter in classifier.pretrained.named_parameters()}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in classifier.parameters():
        if not parameter.requires_grad:
            continue
        rate = head_learning_rate
        if id(parameter) not in fresh:
            layer = layer_of(names.get(id(parameter), ""))
            # The embeddings count as one layer below the lowest.
            rate = (
                learning_rate * layer_decay ** (top - (layer if layer is not None else -1)) if layer_decay < 1 else learning_rate
            )
        groups.setdefault((rate, weight_decay if parameter.ndim >= 2 else 0.0), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay, "initial_lr": rate}
        for (rate, decay), parameters in groups.items()
    ]
