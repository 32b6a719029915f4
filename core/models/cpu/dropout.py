"""Dropout for the processor: eight random numbers from each draw of a fast generator, where torch takes one from a slow one.

torch draws one number a value, one after the other on a single core, which takes a tenth of a training step. Here eight bits
decide whether a value stays. They know shares in steps of one in 256 only, so each call rounds its share up or down at random, so
that the mean over many calls is the share asked for. Each call's generator is seeded by torch's own, so that a seed, a resumed
run and gradient checkpointing mean what they mean everywhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

LEVELS = 2**8


class ProcessorDropout(nn.Dropout):
    """``nn.Dropout``, faster on the processor."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Values of any shape, some of them zero while training."""
        if values.device.type == "cpu" and not self.inplace:
            return dropout_on_processor(values, self.p if self.training else 0.0)
        return super().forward(values)


def use_processor_dropout(model: nn.Module) -> None:
    """Put ``ProcessorDropout`` in the place of every ``nn.Dropout`` within a model."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                faster = ProcessorDropout(child.p, child.inplace)
                faster.train(child.training)
                setattr(module, name, faster)


def dropout_on_processor(values: torch.Tensor, share: float) -> torch.Tensor:
    """Values with a share of them, chosen at random, set to zero and the others scaled up, so that their mean stays.

    Args:
        values: of any shape, in main memory.
        share: from 0 to 1.
    """
    if share <= 0:
        return values
    if share >= 1:
        return values * 0.0
    dropped: torch.Tensor = _Dropout.apply(values, share)  # type: ignore[no-untyped-call]  # torch has no type for it
    return dropped


class Draws:
    """What one call drops: the same every time it is asked, without being kept.

    Args:
        share: of the values that are dropped, from 0 to 1, neither of them.
    """

    def __init__(self, share: float) -> None:
        self._seed, rounding = torch.randint(2**62, (2,)).tolist()
        self._threshold = math.floor(share * LEVELS + rounding / 2**62)
        self.scale = 1 / (1 - share)

    def kept(self, values: torch.Tensor, part: int = 0) -> torch.Tensor:
        """1 where a value stays and 0 where it is dropped, like ``values``.

        Args:
            values: of any shape; they give shape and type.
            part: which of several parts of the call they are.
        """
        # One part draws what it always drew; further ones have streams of their own.
        words = np.random.SFC64((self._seed, part) if part else self._seed).random_raw(-(-values.numel() // 8))
        draws = torch.from_numpy(words.view(np.uint8))[: values.numel()].view(values.shape)
        # Compared in place, and as factors of the values' own type: truth values take ten times as long to multiply with.
        return (draws.ge_(self._threshold) if self._threshold < LEVELS else draws.zero_()).to(values.dtype)

    def factors(self, values: torch.Tensor, part: int = 0) -> torch.Tensor:
        """What values are multiplied with, so that their mean stays: ``kept``, scaled up."""
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
