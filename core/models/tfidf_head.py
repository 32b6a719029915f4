"""What a text's words and pairs of neighbouring words say by themselves, added to what the encoder says.

An encoder reads what a text means, and now and then passes over what its words plainly say; weighing words sees nothing else and
errs elsewhere. Together they are right more often than either.

Sources: K. Sparck Jones, A statistical interpretation of term specificity and its application in retrieval, 1972 (rare words
count more); G. E. Hinton, Training products of experts by minimizing contrastive divergence, 2002 (adding what several say).
"""

from __future__ import annotations

import torch
from torch import nn

_PAIR = 1 << 24
"""More tokens than any vocabulary has, so that a token and a pair of tokens never share a key."""

_PADDING = -1

_MOST_AT_ONCE = 8_000_000
"""Weights that are looked up together, 32 MB: long texts and many labels would need a gigabyte."""


class TfidfHead(nn.Module):
    """Logits that are a weighted sum over a text's tokens and pairs of neighbouring tokens, as far as they are known.

    What occurs several times counts by the logarithm, what is rare counts more, and a text's numbers have length 1 together.
    Tokens are words or parts of them; where a text begins and ends is a token too.

    Attributes:
        keys: of the known tokens and pairs, ascending, int64 ``(num_features,)``.
        rarity: how much each counts, ``(num_features,)``.
        weight: what each says of each output, ``(num_features, num_outputs)``.
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
        """How many tokens and pairs are known."""
        return len(self.keys)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """What the words say, ``(batch, num_outputs)``, for inputs of ``(batch, length)``."""
        places, values = self.features(input_ids, attention_mask)
        # Plain products, which every device has, and not a matrix product, which autocast would round.
        rows = max(1, _MOST_AT_ONCE // max(1, places.shape[1] * len(self.bias)))
        parts = zip(torch.split(places, rows), torch.split(values, rows), strict=True)
        return torch.cat([(value.unsqueeze(-1) * self.weight[place]).sum(dim=1) for place, value in parts]) + self.bias

    def features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The known tokens and pairs of each text, and how much each counts in it.

        Args:
            input_ids, attention_mask: ``(batch, length)``.

        Returns:
            Places in ``keys``, int64, and values, float32, both ``(batch, 2 * length - 1)``; 0 is the value of what is unknown.
        """
        keys, counts = keys_and_counts(input_ids, attention_mask)
        places = torch.searchsorted(self.keys, keys).clamp(max=self.num_features - 1)
        is_known = (self.keys[places] == keys) & (counts > 0)
        values = torch.where(is_known, (1 + counts.clamp(min=1).log()) * self.rarity[places], 0.0)
        return places, values / values.norm(dim=1, keepdim=True).clamp(min=1e-12)


def keys_and_counts(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which tokens and pairs of neighbouring tokens each text has, and how often.

    Args:
        input_ids, attention_mask: ``(batch, length)``.

    Returns:
        Keys, int64, ascending in each row, and counts, both ``(batch, 2 * length - 1)``. The count stands beside the first of
        equal keys and is 0 beside the others and beside padding.
    """
    is_token = attention_mask.bool()
    tokens = input_ids.masked_fill(~is_token, _PADDING)
    pairs = ((input_ids[:, :-1] + 1) * _PAIR + input_ids[:, 1:]).masked_fill(~(is_token[:, :-1] & is_token[:, 1:]), _PADDING)
    keys = torch.cat([tokens, pairs], dim=1).sort(dim=1).values.contiguous()
    first = torch.searchsorted(keys, keys)
    counts = torch.searchsorted(keys, keys, right=True) - first
    is_first = first == torch.arange(keys.shape[1], device=keys.device)
    return keys, counts * (is_first & (keys != _PADDING))
