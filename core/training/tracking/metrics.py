"""Training metrics of a reporting interval: loss, learning rates, examples/s, memory and utilization."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import torch

from core.machine.platform_support import memory_in_use_mib
from core.training.device import DeviceUse


class StepFigures(NamedTuple):
    """Metrics of an optimizer step: summed loss, its number of units, gradient norm, and learning rates."""

    loss: float
    units: int
    gradient_norm: float
    learning_rate: float
    head_learning_rate: float


class Rates:
    """The learning rates of encoder and head, read from an optimizer's parameter groups.

    Args:
        optimizer: a group may contain both head and pretrained parameters if they have the same rate.
        fresh: the head's parameters.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, fresh: Iterable[torch.nn.Parameter]) -> None:
        self._optimizer = optimizer
        is_fresh = {id(parameter) for parameter in fresh}
        inside = [{id(parameter) in is_fresh for parameter in group["params"]} for group in optimizer.param_groups]
        self._head = [place for place, kinds in enumerate(inside) if True in kinds]
        self._pretrained = [place for place, kinds in enumerate(inside) if False in kinds] or self._head

    def now(self) -> tuple[float, float]:
        """Learning rate of the encoder's top layer (the head's, if only the head is trained), and of the head."""
        groups = self._optimizer.param_groups
        return max(groups[place]["lr"] for place in self._pretrained), max(groups[place]["lr"] for place in self._head)


class StepMetrics:
    """Metrics since the last reported line.

    Args:
        device: the training device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._device_use = DeviceUse(device)
        self.restart()

    def restart(self) -> None:
        """Start a new line."""
        self._started = time.monotonic()
        self._loss, self._units, self.num_inputs, self._num_tokens = 0.0, 0, 0, 0

    def add(self, step: StepFigures, num_inputs: int, num_tokens: int) -> None:
        """Add a step, with its number of inputs and of tokens."""
        self._last = step
        self._loss += step.loss
        self._units += step.units
        self.num_inputs += num_inputs
        self._num_tokens += num_tokens

    @property
    def age_s(self) -> float:
        """Seconds since the line was started."""
        return time.monotonic() - self._started

    def figures(self) -> dict[str, float]:
        """The metrics of a line with at least one step, by their namespaced keys; NaN for those not known."""
        age_s = max(1e-9, self.age_s)
        figures = {
            "train/loss": self._loss / max(1, self._units),
            "train/learning_rate": self._last.learning_rate,
            "train/head_learning_rate": self._last.head_learning_rate,
            "train/examples_per_s": self.num_inputs / age_s,
            "train/tokens_per_s": self._num_tokens / age_s,
            "train/gradient_norm": self._last.gradient_norm,
            "system/memory_mib": float(memory_in_use_mib()),
            "system/device_use": self._device_use.since_last_time(),
        }
        if self._device.type == "cuda":
            figures["system/gpu_memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
        return figures
