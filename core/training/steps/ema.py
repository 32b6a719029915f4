"""The exponential moving average (EMA) of the weights, which is validated and kept instead of the last step's weights.

Single steps are noisy; their average is closer to the optimum around which they move.
Source: B. T. Polyak, A. B. Juditsky, Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30 (1992).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

LOOKS = 20
"""Updates within the span of an average: weights change so little per step that updating at each one would only cost time."""


class WeightAverage:
    """An exponential moving average of parameters over about ``steps`` steps, and over fewer at the start.

    Args:
        parameters: initial values of the average; copied.
        steps: span of the average after the first steps, more than 1.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], steps: float) -> None:
        self.values = [parameter.detach().clone() for parameter in parameters]
        self._decay = 1.0 - 1.0 / max(1.0, steps)
        self._interval = max(1, int(steps / LOOKS))

    def update(self, parameters: Sequence[torch.Tensor], step: int) -> None:
        """Add the weights after a step, counted from 0; the span is shorter at first, so that the start is soon forgotten."""
        if step % self._interval:
            return
        decay = min(self._decay, (1 + step) / (10 + step)) ** self._interval
        with torch.no_grad():
            torch._foreach_lerp_(self.values, [parameter.detach() for parameter in parameters], 1.0 - decay)

    def to(self, device: torch.device) -> None:
        """Move to another device."""
        self.values = [value.to(device) for value in self.values]

    @contextmanager
    def applied_to(self, parameters: Sequence[torch.Tensor]) -> Iterator[None]:
        """Inside this context the parameters have the averaged values."""
        own = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            torch._foreach_copy_(list(parameters), self.values)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(parameters), own)
