"""Attention for training on the CPU: two matrix products with a softmax between them.

torch's own attention on the CPU cannot apply dropout without storing every score, and its backward pass in bfloat16 is slow on
short texts: plain products take from a half to a fifth of its time (benchmarks/RESULTS.md has the measurements). Short texts
store their scores for the backward pass. Longer ones compute them twice (``blockwise_attention``), so that memory grows linearly
with the length and not quadratically. Prediction, long texts without dropout, other devices and special kinds of attention are
left to torch.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from core.models.cpu.blockwise_attention import attend_recomputing
from core.models.cpu.dropout import dropout_on_processor
from core.models.sizes import LONGEST_KEPT

NAME = "tuneboard_processor"

LONGEST_PLAIN = 512
"""Tokens up to which plain products are faster without dropout, where torch stores no scores either."""

UNUSUAL = ("position_bias", "softcap", "s_aux", "sliding_window", "cache")
"""Arguments of special kinds of attention that are not computed here."""


def use_cpu_attention(model: Any) -> None:
    """Use this module's attention in a transformers model, if its architecture lets the implementation be chosen."""
    if getattr(model.config, "_attn_implementation", None) == "sdpa" and model._can_set_attn_implementation():
        model.set_attn_implementation(NAME)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention with the signature that transformers expects.

    Args:
        module: the attention layer.
        query, key, value: ``(batch, heads, length, head_size)``.
        attention_mask: true, or 0, where a token may be attended to, broadcastable to ``(batch, heads, length, length)``.
        dropout: dropout rate of the attention weights.
        scaling: of the scores; by default one over the square root of ``head_size``.
        is_causal: whether tokens attend only to earlier ones.
        others: arguments of special kinds of attention.

    Returns:
        ``(batch, length, heads, head_size)``, and ``None`` for the weights.
    """
    looks_back_only = getattr(module, "is_causal", True) if is_causal is None else is_causal
    is_plain = (
        query.device.type == "cpu"
        and (dropout > 0 or (query.requires_grad and query.dtype != torch.float32 and query.shape[2] <= LONGEST_PLAIN))
        and query.shape == key.shape == value.shape
        and not (looks_back_only and attention_mask is None)
        and all(others.get(name) is None for name in UNUSUAL)
    )
    if not is_plain:
        answer: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, is_causal=is_causal, **others
        )
        return answer
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if query.shape[2] > LONGEST_KEPT and (attention_mask is None or attention_mask.ndim == 4):
        return attend_recomputing(query, key, value, attention_mask, scale=scale, dropout=dropout), None
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        # The lowest finite number instead of minus infinity: a fully masked row must not become NaN.
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    elif attention_mask is not None:
        scores = scores + attention_mask
    weights = dropout_on_processor(torch.softmax(scores, dim=-1, dtype=value.dtype), dropout)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
