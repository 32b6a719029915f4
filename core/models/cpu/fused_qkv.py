"""Query, key and value of an attention layer from one matrix product instead of three, for training on the processor.

The three read the same values, so that one product of three times the width gives the same numbers; it is the larger product that
the processor computes faster, and the values are brought into its arithmetic once instead of three times. The weights stay where
and what they are: nothing of it can be seen in a saved model.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

NAMES = (("query", "key", "value"), ("q_lin", "k_lin", "v_lin"))
"""How architectures call the three layers."""


def use_shared_projections(model: nn.Module) -> None:
    """Let every attention layer of a model whose query, key and value can be computed together do so while it trains."""
    for module in model.modules():
        for names in NAMES:
            layers = [getattr(module, name, None) for name in names]
            if all(type(layer) is nn.Linear and layer.bias is not None for layer in layers):
                _share([layer for layer in layers if isinstance(layer, nn.Linear)])


def _share(layers: list[nn.Linear]) -> None:
    shared = _SharedProjection(layers)
    for place, layer in enumerate(layers):
        layer.forward = partial(shared.project, place)  # type: ignore[method-assign]  # it is one layer's way, not its class's


class _SharedProjection:
    """Computes all three when the first is asked for, and gives out the others when they are asked for with the same values."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        self._layers = layers
        self._values: torch.Tensor | None = None
        self._answers: dict[int, torch.Tensor] = {}

    def project(self, place: int, values: torch.Tensor) -> torch.Tensor:
        """What the layer at a place makes of values ``(..., in_features)``."""
        layer = self._layers[place]
        if not (layer.training and torch.is_grad_enabled() and values.device.type == "cpu"):
            return nn.functional.linear(values, layer.weight, layer.bias)
        if place == 0:
            self._values, self._answers = values, self._project_all(values)
        elif values is not self._values or place not in self._answers:
            return nn.functional.linear(values, layer.weight, layer.bias)
        answer = self._answers.pop(place)
        if not self._answers:
            self._values = None  # nothing is kept longer than the layer needs it
        return answer

    def _project_all(self, values: torch.Tensor) -> dict[int, torch.Tensor]:
        weight = torch.cat([layer.weight for layer in self._layers])
        bias = torch.cat([layer.bias for layer in self._layers])
        widths = [layer.out_features for layer in self._layers]
        return dict(enumerate(torch.split(nn.functional.linear(values, weight, bias), widths, dim=-1)))
