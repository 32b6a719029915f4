"""The TF-IDF classifier: logits from a text's tokens and token pairs, added to those of the encoder.

An encoder sometimes misses labels that single words indicate clearly. A TF-IDF classifier makes other errors. Together they are
more accurate than either.

Sources: K. Sparck Jones, A statistical interpretation of term specificity and its application in retrieval, 1972 (inverse
document frequency); G. E. Hinton, Training products of experts by minimizing contrastive divergence, 2002 (adding logits).
"""

from __future__ import annotations

import torch
from torch import nn

_PAIR = 1 << 24
"""Larger than any vocabulary, so that a token and a pair of tokens never share a key."""

_PADDING = -1

_MOST_AT_ONCE = 8_000_000
"""Most weights looked up together, 32 MB: long texts with many labels would need a gigabyte."""


class TfidfHead(nn.Module):
    """A linear classifier on TF-IDF features of tokens and pairs of adjacent tokens; unknown features are ignored.

    Term frequencies are logarithmic, and each text's feature vector has an L2 norm of 1. Tokens are the model's own, special
    tokens included.

    Attributes:
        keys: keys of the vocabulary's tokens and pairs, ascending, int64 ``(num_features,)``.
        rarity: inverse document frequency of each, ``(num_features,)``.
        weight: ``(num_features, num_outputs)``.
        bias: ``(num_outputs,)``.
    """

    keys: torch.Tensor
    rarity: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, num_features: int, num_outputs: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(num_features, dtype=torch.int64))
        self.register_buffer("rarity", torch.zeros(num_features))
        self.register_buffer("weight", torch.zeros(num_features, num_outputs))
        self.register_buffer("bias", torch.zeros(num_outputs))

    @property
    def num_features(self) -> int:
        """Size of the vocabulary of tokens and pairs."""
        return len(self.keys)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, num_outputs)`` for inputs of ``(batch, length)``."""
        places, values = self.features(input_ids, attention_mask)
        # Elementwise products, which every device supports, and not a matrix product, which autocast would round.
        rows = max(1, _MOST_AT_ONCE // max(1, places.shape[1] * len(self.bias)))
        parts = zip(torch.split(places, rows), torch.split(values, rows), strict=True)
        return torch.cat([(value.unsqueeze(-1) * self.weight[place]).sum(dim=1) for place, value in parts]) + self.bias

    def features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The tokens and pairs of each text in the vocabulary, and their TF-IDF values.

        Args:
            input_ids, attention_mask: ``(batch, length)``.

        Returns:
            Indices into ``keys``, int64, and values, float32, both ``(batch, 2 * length - 1)``; unknown features have value 0.
        """
        keys, counts = keys_and_counts(input_ids, attention_mask)
        places = torch.searchsorted(self.keys, keys).clamp(max=self.num_features - 1)
        is_known = (self.keys[places] == keys) & (counts > 0)
        values = torch.where(is_known, (1 + counts.clamp(min=1).log()) * self.rarity[places], 0.0)
        return places, values / values.norm(dim=1, keepdim=True).clamp(min=1e-12)


def keys_and_counts(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens and pairs of adjacent tokens of each text, and how often each occurs.

    Args:
        input_ids, attention_mask: ``(batch, length)``.

    Returns:
        Keys, int64, ascending in each row, and counts, both ``(batch, 2 * length - 1)``. The first of equal keys has the count;
        the others and padding have 0.
    """
    is_token = attention_mask.bool()
    tokens = input_ids.masked_fill(~is_token, _PADDING)
    pairs = ((input_ids[:, :-1] + 1) * _PAIR + input_ids[:, 1:]).masked_fill(~(is_token[:, :-1] & is_token[:, 1:]), _PADDING)
    keys = torch.cat([tokens, pairs], dim=1).sort(dim=1).values.contiguous()
    first = torch.searchsorted(keys, keys)
    counts = torch.searchsorted(keys, keys, right=True) - first
    is_first = first == torch.arange(keys.shape[1], device=keys.device)
    return keys, counts * (is_first & (keys != _PADDING))
