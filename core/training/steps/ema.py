"""The exponential moving average of the weights: what is validated and kept instead of the last step's weights.

Single steps overshoot this way and that; their average lies nearer to where they circle.
Source: B. T. Polyak, A. B. Juditsky, Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30 (1992).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

LOOKS = 20
"""Updates within the reach of an average: weights change so little from step to step that taking in each would only cost time."""


class WeightAverage:
    """An average of parameters that reaches back over about a number of steps, and over fewer at the start.

    Args:
        parameters: where the average starts; copied.
        steps: how far back it reaches once the run is under way, more than 1.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], steps: float) -> None:
        self.values = [parameter.detach().clone() for parameter in parameters]
        self._decay = 1.0 - 1.0 / max(1.0, steps)
        self._interval = max(1, int(steps / LOOKS))

    def update(self, parameters: Sequence[torch.Tensor], step: int) -> None:
        """Take in the weights after a step, counted from 0; early steps count more, so that the start is soon forgotten."""
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
        """For as long as it lasts, the parameters have the averaged values."""
        own = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            torch._foreach_copy_(list(parameters), self.values)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(parameters), own)
