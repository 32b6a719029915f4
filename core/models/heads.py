"""The models that are trained: a pretrained encoder with a head, both with the same small interface.

``PooledClassifier`` pools the encoder's tokens the way the model was pretrained to be pooled and puts a linear layer on top.
``ArchitectureClassifier`` is the architecture's own model for the task, which ``transformers.pipeline`` opens without our code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


class PooledClassifier(nn.Module):
    """Encoder, pooling, dropout, one linear layer: one row of logits a text."""

    def __init__(self, encoder: Any, hidden_size: int, num_outputs: int, *, pooling: str, dropout: float) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, num_outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, num_outputs)`` for token ids and mask ``(batch, length)``."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits: torch.Tensor = self.head(self.dropout(pool(hidden, attention_mask, self.pooling)))
        return logits

    def fresh_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that start from nothing and may learn faster than the encoder."""
        return self.head.parameters()


class ArchitectureClassifier(nn.Module):
    """A transformers model for sequence or token classification: its own pooling and head."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, num_outputs)`` or ``(batch, length, num_outputs)``."""
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits

    def fresh_parameters(self) -> Iterator[nn.Parameter]:
        """Everything outside of the pretrained encoder."""
        pretrained = {id(parameter) for parameter in self.model.base_model.parameters()}
        return (parameter for parameter in self.model.parameters() if id(parameter) not in pretrained)


Classifier = PooledClassifier | ArchitectureClassifier


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector a text.

    Args:
        hidden: ``(batch, length, hidden_size)``.
        attention_mask: 1 for tokens, 0 for padding, ``(batch, length)``.
        pooling: ``mean``, ``first`` or ``max``.

    Returns:
        ``(batch, hidden_size)``.
    """
    if pooling == "first":
        return hidden[:, 0]
    mask = attention_mask.unsqueeze(-1)
    if pooling == "mean":
        return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    if pooling == "max":
        return hidden.masked_fill(mask == 0, torch.finfo(hidden.dtype).min).amax(dim=1)
    raise ValueError(f"pooling is {pooling!r}; expected mean, first or max")
