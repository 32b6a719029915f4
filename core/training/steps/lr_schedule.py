"""Learning-rate schedules: the learning rate of each step, and its reduction on a plateau."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A learning-rate schedule, as a factor of the initial learning rate.

    Attributes:
        name: linear, cosine, constant, polynomial, exponential, inverse_time or plateau.
        total_steps, steps_per_epoch: of the run.
        warmup_steps: steps over which the factor rises from near 0 to 1.
        power: exponent of polynomial.
        decay_rate: for exponential and inverse_time, per epoch after the warm-up; for plateau, per reduction.
        plateau_patience: epochs without improvement before plateau reduces the learning rate.
    """

    name: str
    total_steps: int
    steps_per_epoch: int
    warmup_steps: int = 0
    power: float = 2.0
    decay_rate: float = 0.5
    plateau_patience: int = 2

    def factor(self, step: int) -> float:
        """Factor of the learning rate at a step, counted from 0; reductions of plateau are applied in addition."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        done = step - self.warmup_steps
        share = min(1.0, done / max(1, self.total_steps - self.warmup_steps))
        epochs = done / max(1, self.steps_per_epoch)
        formulas: dict[str, Callable[[], float]] = {
            "constant": lambda: 1.0,
            "plateau": lambda: 1.0,
            "linear": lambda: 1.0 - share,
            "cosine": lambda: 0.5 * (1.0 + math.cos(math.pi * share)),
            "polynomial": lambda: float((1.0 - share) ** self.power),
            "exponential": lambda: float(self.decay_rate**epochs),
            "inverse_time": lambda: 1.0 / (1.0 + self.decay_rate * epochs),
        }
        return formulas[self.name]()


class LearningRate:
    """Sets the learning rates of an optimizer's parameter groups, each from its initial value."""

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule) -> None:
        self._optimizer = optimizer
        self._schedule = schedule
        self._start = [float(group["lr"]) for group in optimizer.param_groups]
        self._step = 0
        self._reduction = 1.0
        self._without_gain = 0
        self._apply()

    def step(self) -> None:
        """Advance to the next step."""
        self._step += 1
        self._apply()

    def after_validation(self, *, gained: bool) -> bool:
        """Record whether a validation improved; returns whether the learning rate was reduced because it did not."""
        if gained:
            self._without_gain = 0
            return False
        self._without_gain += 1
        if self._schedule.name != "plateau" or self._without_gain < self._schedule.plateau_patience:
            return False
        self._without_gain = 0
        self._reduction *= self._schedule.decay_rate
        self._apply()
        return True

    def state_dict(self) -> dict[str, Any]:
        """Plain values for ``load_state_dict``."""
        return {
            "step": self._step,
            "reduction": self._reduction,
            "without_gain": self._without_gain,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self._step, self._reduction = int(state["step"]), float(state["reduction"])
        self._without_gain = int(state["without_gain"])
        self._apply()

    def _apply(self) -> None:
        factor = self._reduction * self._schedule.factor(self._step)
        for group, start in zip(self._optimizer.param_groups, self._start, strict=True):
            group["lr"] = start * factor
