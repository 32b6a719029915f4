"""What a line of training figures sums up: the loss, how fast rows are learned, and what that takes of the machine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import torch

from core.machine.platform_support import memory_in_use_mib
from core.training.device import DeviceUse


class StepFigures(NamedTuple):
    """What an optimizer step was: summed loss, the units it sums over, the gradient's norm, and the rates it was made with."""

    loss: float
    units: int
    gradient_norm: float
    learning_rate: float
    head_learning_rate: float


class Rates:
    """The two learning rates people look for, read from an optimizer's groups of parameters.

    Args:
        optimizer: its groups may mix what is fresh and what is pretrained where both have the same rate.
        fresh: the head's parameters.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, fresh: Iterable[torch.nn.Parameter]) -> None:
        self._optimizer = optimizer
        is_fresh = {id(parameter) for parameter in fresh}
        inside = [{id(parameter) in is_fresh for parameter in group["params"]} for group in optimizer.param_groups]
        self._head = [place for place, kinds in enumerate(inside) if True in kinds]
        self._pretrained = [place for place, kinds in enumerate(inside) if False in kinds] or self._head

    def now(self) -> tuple[float, float]:
        """That of the pretrained model's top layer, which is the head's where only the head learns, and the head's."""
        groups = self._optimizer.param_groups
        return max(groups[place]["lr"] for place in self._pretrained), max(groups[place]["lr"] for place in self._head)


class StepMetrics:
    """What happened since the last line of training figures.

    Args:
        device: the one that is trained on.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._device_use = DeviceUse(device)
        self.restart()

    def restart(self) -> None:
        """Begin a new line."""
        self._started = time.monotonic()
        self._loss, self._units, self.num_inputs, self._num_tokens = 0.0, 0, 0, 0

    def add(self, step: StepFigures, num_inputs: int, num_tokens: int) -> None:
        """Take in a step, with how many inputs it learned from and their tokens."""
        self._last = step
        self._loss += step.loss
        self._units += step.units
        self.num_inputs += num_inputs
        self._num_tokens += num_tokens

    @property
    def age_s(self) -> float:
        """Seconds since the line was begun."""
        return time.monotonic() - self._started

    def figures(self) -> dict[str, float]:
        """The figures of a line that has taken in a step, by their namespaced keys; one that is not known is not a number."""
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
