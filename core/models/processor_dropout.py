"""Dropout for the processor: four random numbers from each draw of the generator, where torch's own takes one.

torch draws one number a value, one after the other on a single core, which takes a tenth of a training step. Sixteen bits decide
as well as sixty-four whether a value stays: a share of 0.1 becomes 0.100006. The numbers come from torch's generator, so that a
seed, a resumed run and gradient checkpointing mean what they mean everywhere.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

LEVELS = 2**16
LOWEST_WORD = -(2**63)


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
        share: from 0 to 1, rounded to one in 65,536.
    """
    threshold = round(share * LEVELS)
    if threshold <= 0:
        return values
    if threshold >= LEVELS:
        return values * 0.0
    dropped: torch.Tensor = _Dropout.apply(values, threshold)  # type: ignore[no-untyped-call]  # torch has no type for it
    return dropped


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, threshold: int) -> torch.Tensor:
        num_words = -(-values.numel() // 4)
        words = torch.empty(num_words, dtype=torch.int64).random_(LOWEST_WORD, None)
        draws = words.view(torch.int16)[: values.numel()].view(values.shape)
        # Compared in place, and kept as factors of the values' own type: truth values take ten times as long to multiply with.
        ctx.kept = draws.ge_(threshold - LEVELS // 2).to(values.dtype)
        ctx.scale = LEVELS / (LEVELS - threshold)
        dropped: torch.Tensor = (values * ctx.kept).mul_(ctx.scale)
        return dropped

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return (gradient * ctx.kept).mul_(ctx.scale), None
