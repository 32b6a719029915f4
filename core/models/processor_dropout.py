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


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, share: float) -> torch.Tensor:
        seed, rounding = torch.randint(2**62, (2,)).tolist()
        threshold = math.floor(share * LEVELS + rounding / 2**62)
        words = np.random.SFC64(seed).random_raw(-(-values.numel() // 8))
        draws = torch.from_numpy(words.view(np.uint8))[: values.numel()].view(values.shape)
        # Compared in place, and kept as factors of the values' own type: truth values take ten times as long to multiply with.
        ctx.kept = (draws.ge_(threshold) if threshold < LEVELS else draws.zero_()).to(values.dtype)
        ctx.scale = 1 / (1 - share)
        dropped: torch.Tensor = (values * ctx.kept).mul_(ctx.scale)
        return dropped

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return (gradient * ctx.kept).mul_(ctx.scale), None
