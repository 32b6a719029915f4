"""Attention that stores no scores: they are computed block by block, and again in the backward pass.

Scores, weights and dropout factors of a layer grow with the square of the length: for 32 texts of 512 tokens and 12 heads they
are 1.2 GB per layer. A block fits into the CPU's cache, so that computing it twice costs little more than loading it.

Source: T. Dao et al., FlashAttention: fast and memory-efficient exact attention with IO-awareness, 2022 (here with whole rows, so
that the softmax needs no correction).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from core.models.cpu.dropout import Draws

BLOCK = 2**20
"""Most scores computed at a time: 4 MiB in float32; a few such blocks are in use together."""


def attend_recomputing(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scale: float,
    dropout: float,
) -> torch.Tensor:
    """Softmax attention on the CPU.

    Args:
        query, key, value: ``(batch, heads, length, head_size)``.
        attention_mask: true, or 0, where a token may be attended to, of four dimensions, broadcastable to
            ``(batch, heads, length, length)``; it gets no gradient.
        scale: factor of the scores.
        dropout: dropout rate of the attention weights.

    Returns:
        ``(batch, length, heads, head_size)``, contiguous.
    """
    attended: torch.Tensor = _Attention.apply(query, key, value, attention_mask, scale, dropout)  # type: ignore[no-untyped-call]
    return attended


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        scale: float,
        dropout: float,
    ) -> torch.Tensor:
        draws = Draws(dropout) if dropout > 0 else None
        batch, heads, length, size = query.shape
        attended = query.new_empty(batch, length, heads, size)
        for number, (texts, rows) in enumerate(_blocks(query)):
            weights = _weights(query[texts, :, rows], key[texts], _part(mask, texts, rows), scale)
            if draws is not None:
                weights.mul_(draws.factors(weights, number))
            attended[texts, rows] = torch.matmul(weights, value[texts]).transpose(1, 2)
        ctx.save_for_backward(query, key, value, mask, attended)
        ctx.scale, ctx.draws = scale, draws
        return attended

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, mask, attended = ctx.saved_tensors
        scale, draws = ctx.scale, ctx.draws
        for_query, for_key, for_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for number, (texts, rows) in enumerate(_blocks(query)):
            asked = query[texts, :, rows]
            weights = _weights(asked, key[texts], _part(mask, texts, rows), scale)
            of_block = gradient[texts, rows].transpose(1, 2)
            # Backward pass of the softmax: the weighted sum of a row's weight gradients is its gradient times its output.
            mean = (of_block * attended[texts, rows].transpose(1, 2)).sum(dim=-1, keepdim=True)
            for_weights = torch.matmul(of_block, value[texts].transpose(-1, -2))
            if draws is None:
                dropped = weights
            else:
                factors = draws.factors(weights, number)
                for_weights.mul_(factors)
                dropped = factors.mul_(weights)
            for_value[texts] += torch.matmul(dropped.transpose(-1, -2), of_block)
            for_scores = for_weights.sub_(mean).mul_(weights).mul_(scale)
            for_query[texts, :, rows] = torch.matmul(for_scores, key[texts])
            for_key[texts] += torch.matmul(for_scores.transpose(-1, -2), asked)
        return for_query, for_key, for_value, None, None, None


def _blocks(query: torch.Tensor) -> Iterator[tuple[slice, slice]]:
    """Texts and rows of each block: several texts together, or some rows of one text if it has too many scores."""
    batch, heads, length, _ = query.shape
    num_texts = max(1, BLOCK // max(1, heads * length * length))
    num_rows = length if num_texts > 1 else max(1, min(length, BLOCK // (heads * length)))
    for first in range(0, batch, num_texts):
        for row in range(0, length, num_rows):
            yield slice(first, first + num_texts), slice(row, row + num_rows)


def _part(mask: torch.Tensor | None, texts: slice, rows: slice) -> torch.Tensor | None:
    """The mask of a block; a dimension of 1 stands for all."""
    if mask is None:
        return None
    return mask[texts if mask.shape[0] > 1 else slice(None), :, rows if mask.shape[2] > 1 else slice(None)]


def _weights(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, scale: float) -> torch.Tensor:
    """Attention weights between tokens."""
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    if mask is not None and mask.dtype == torch.bool:
        # The lowest finite number instead of minus infinity: a fully masked row must not become NaN.
        scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores += mask
    return torch.softmax(scores, dim=-1, dtype=scores.dtype)  # autocast would compute it in float32
