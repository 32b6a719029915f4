"""Dropout for the CPU: eight random numbers from each draw of a fast generator, where torch takes one from a slow one.

torch draws one number per value, one after the other on a single core, which takes a tenth of a training step. Here eight bits
decide whether a value is kept. They represent rates in steps of 1/256 only, so each call rounds its rate up or down at random;
the mean over many calls is the requested rate. Each call's generator is seeded by torch's own, so that seeds, resumed runs and
gradient checkpointing work as usual.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

LEVELS = 2**8


class ProcessorDropout(nn.Dropout):
    """``nn.Dropout``, faster on the CPU."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Apply dropout to values of any shape, in training mode."""
        if values.device.type == "cpu" and not self.inplace:
            return dropout_on_processor(values, self.p if self.training else 0.0)
        return super().forward(values)


def use_cpu_dropout(model: nn.Module) -> None:
    """Replace every ``nn.Dropout`` in a model by ``ProcessorDropout``."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                faster = ProcessorDropout(child.p, child.inplace)
                faster.train(child.training)
                setattr(module, name, faster)


def dropout_on_processor(values: torch.Tensor, share: float) -> torch.Tensor:
    """Set a random share of values to zero and scale the others up, so that the mean is preserved.

    Args:
        values: of any shape, in main memory.
        share: dropout rate, from 0 to 1.
    """
    if share <= 0:
        return values
    if share >= 1:
        return values * 0.0
    dropped: torch.Tensor = _Dropout.apply(values, share)  # type: ignore[no-untyped-call]  # torch has no type for it
    return dropped


class Draws:
    """The dropout mask of one call: reproducible every time it is needed, without being stored.

    Args:
        share: dropout rate, above 0 and below 1.
    """

    def __init__(self, share: float) -> None:
        self._seed, rounding = torch.randint(2**62, (2,)).tolist()
        self._threshold = math.floor(share * LEVELS + rounding / 2**62)
        self.scale = 1 / (1 - share)

    def kept(self, values: torch.Tensor, part: int = 0) -> torch.Tensor:
        """The dropout mask: 1 where a value is kept and 0 where it is dropped.

        Args:
            values: give the mask's shape and type.
            part: index of the part, if a call is divided into several.
        """
        # Part 0 uses the seed itself; further parts have streams of their own.
        words = np.random.SFC64((self._seed, part) if part else self._seed).random_raw(-(-values.numel() // 8))
        draws = torch.from_numpy(words.view(np.uint8))[: values.numel()].view(values.shape)
        # Compared in place, and as factors of the values' own type: multiplying with booleans takes ten times as long.
        return (draws.ge_(self._threshold) if self._threshold < LEVELS else draws.zero_()).to(values.dtype)

    def factors(self, values: torch.Tensor, part: int = 0) -> torch.Tensor:
        """The scaled dropout mask, which preserves the mean of the values."""
        return self.kept(values, part).mul_(self.scale)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, share: float) -> torch.Tensor:
        draws = Draws(share)
        ctx.kept, ctx.scale = draws.kept(values), draws.scale
        dropped: torch.Tensor = (values * ctx.kept).mul_(ctx.scale)
        return dropped

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return (gradient * ctx.kept).mul_(ctx.scale), None
