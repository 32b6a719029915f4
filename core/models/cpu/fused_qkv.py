"""Query, key and value of an attention layer from one matrix product instead of three, for training on the CPU.

All three have the same input, so one product of three times the width gives the same result. The larger product is faster on a
CPU, and the input is cast to bfloat16 once instead of three times. The weights stay unchanged: a saved model is not affected.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

NAMES = (("query", "key", "value"), ("q_lin", "k_lin", "v_lin"))
"""Names of the three layers in different architectures."""


def use_shared_projections(model: nn.Module) -> None:
    """Compute query, key and value together in every attention layer of a model that supports it, in training mode."""
    for module in model.modules():
        for names in NAMES:
            layers = [getattr(module, name, None) for name in names]
            if all(type(layer) is nn.Linear and layer.bias is not None for layer in layers):
                _share([layer for layer in layers if isinstance(layer, nn.Linear)])


def _share(layers: list[nn.Linear]) -> None:
    shared = _SharedProjection(layers)
    for place, layer in enumerate(layers):
        layer.forward = partial(shared.project, place)  # type: ignore[method-assign]  # on the instance, not on its class


class _SharedProjection:
    """Computes all three projections when the first is called; the others are returned when called with the same input."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        self._layers = layers
        self._values: torch.Tensor | None = None
        self._answers: dict[int, torch.Tensor] = {}

    def project(self, place: int, values: torch.Tensor) -> torch.Tensor:
        """Output of the layer at index ``place`` for values ``(..., in_features)``."""
        layer = self._layers[place]
        if not (layer.training and torch.is_grad_enabled() and values.device.type == "cpu"):
            return nn.functional.linear(values, layer.weight, layer.bias)
        if place == 0:
            self._values, self._answers = values, self._project_all(values)
        elif values is not self._values or place not in self._answers:
            return nn.functional.linear(values, layer.weight, layer.bias)
        answer = self._answers.pop(place)
        if not self._answers:
            self._values = None  # freed as soon as the layer no longer needs it
        return answer

    def _project_all(self, values: torch.Tensor) -> dict[int, torch.Tensor]:
        weight = torch.cat([layer.weight for layer in self._layers])
        bias = torch.cat([layer.bias for layer in self._layers])
        widths = [layer.out_features for layer in self._layers]
        return dict(enumerate(torch.split(nn.functional.linear(values, weight, bias), widths, dim=-1)))
