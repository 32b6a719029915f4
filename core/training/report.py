"""What a line of training figures sums up: the loss, how fast rows are learned, and what that takes of the machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from core.devices import memory_in_use_mib
from core.training.device_use import DeviceUse


class Report:
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
        self._loss, self._units, self.num_inputs, self._num_tokens, self._gradient_norm = 0.0, 0, 0, 0, 0.0

    def add(self, loss: float, units: int, num_inputs: int, num_tokens: int, gradient_norm: float) -> None:
        """Take in a step: summed loss, units it sums over, inputs, their tokens, and the norm of the gradient."""
        self._loss += loss
        self._units += units
        self.num_inputs += num_inputs
        self._num_tokens += num_tokens
        self._gradient_norm = gradient_norm

    @property
    def age_s(self) -> float:
        """Seconds since the line was begun."""
        return time.monotonic() - self._started

    def figures(self, learning_rates: Sequence[float]) -> dict[str, float]:
        """The line's figures by their namespaced keys; one that is not known is not a number.

        Args:
            learning_rates: of all groups of parameters; the head's is the highest.
        """
        age_s = max(1e-9, self.age_s)
        figures = {
            "train/loss": self._loss / max(1, self._units),
            "train/learning_rate": min(learning_rates),
            "train/head_learning_rate": max(learning_rates),
            "train/examples_per_s": self.num_inputs / age_s,
            "train/tokens_per_s": self._num_tokens / age_s,
            "train/gradient_norm": self._gradient_norm,
            "system/memory_mib": float(memory_in_use_mib()),
            "system/device_use": self._device_use.since_last_time(),
        }
        if self._device.type == "cuda":
            figures["system/gpu_memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
        return figures
