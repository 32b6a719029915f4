"""The models that are trained: a pretrained encoder with a head, both with the same small interface.

``PooledClassifier`` pools the encoder's tokens the way the model was pretrained to be pooled and puts a head on top.
``ArchitectureClassifier`` is the architecture's own model for the task, which ``transformers.pipeline`` opens without our code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

COSINE_SCALE = 20.0
"""What a cosine is multiplied with to become a logit; at 1 the softmax could never be sure of anything."""


class CosineHead(nn.Module):
    """Logits that say how much a text's vector points the way of each label's vector.

    Source: H. Wang et al., CosFace: large margin cosine loss for deep face recognition, 2018 (here without the margin).
    """

    def __init__(self, hidden_size: int, num_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_outputs, hidden_size))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, num_outputs)`` for vectors ``(batch, hidden_size)``."""
        cosines = nn.functional.linear(nn.functional.normalize(vectors, dim=-1), nn.functional.normalize(self.weight, dim=-1))
        return COSINE_SCALE * cosines


class LinearHead(nn.Linear):
    """One linear layer that starts out near zero, so that no label is preferred."""

    def __init__(self, hidden_size: int, num_outputs: int) -> None:
        super().__init__(hidden_size, num_outputs)
        nn.init.normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)


HEADS: dict[str, Callable[[int, int], CosineHead | LinearHead]] = {"linear": LinearHead, "cosine": CosineHead}


class PooledClassifier(nn.Module):
    """Encoder, pooling, dropout, a head: one row of logits a text."""

    def __init__(
        self, encoder: Any, hidden_size: int, num_outputs: int, *, pooling: str, dropout: float, head: str = "linear"
    ) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = HEADS[head](hidden_size, num_outputs)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, num_outputs)`` for token ids and mask ``(batch, length)``."""
        logits: torch.Tensor = self.head(self.dropout(self.embed(input_ids, attention_mask)))
        return logits

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The vectors the head reads, ``(batch, hidden_size)``."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return pool(hidden, attention_mask, self.pooling)

    def fresh_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that start from nothing and may learn faster than the encoder."""
        return self.head.parameters()

    @property
    def pretrained(self) -> Any:
        """The transformers model that was there before."""
        return self.encoder

    @property
    def output_bias(self) -> nn.Parameter | None:
        """What is added to each output, ``(num_outputs,)``; nothing where the head has none."""
        return self.head.bias if isinstance(self.head, LinearHead) else None


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
        pretrained = {id(parameter) for parameter in self.pretrained.parameters()}
        return (parameter for parameter in self.model.parameters() if id(parameter) not in pretrained)

    @property
    def pretrained(self) -> Any:
        """The transformers model that was there before."""
        return self.model.base_model

    @property
    def output_bias(self) -> nn.Parameter | None:
        """What is added to each output, ``(num_outputs,)``; nothing where the head has none."""
        *_, last = (module for module in self.model.modules() if isinstance(module, nn.Linear))
        return last.bias if last.out_features == self.model.config.num_labels else None


Classifier = PooledClassifier | ArchitectureClassifier


def shift_outputs(classifier: Classifier, shift: np.ndarray) -> None:
    """Add a constant to each output for ever, ``(num_outputs,)``; a head without biases stays as it is."""
    if classifier.output_bias is not None and shift.any():
        with torch.no_grad():
            classifier.output_bias.add_(torch.from_numpy(shift).to(classifier.output_bias))


def choose_trainable(classifier: Classifier, trainable: str) -> None:
    """Freeze what a run does not want to learn.

    Args:
        classifier: changed in place.
        trainable: ``everything``, ``all_but_embeddings`` (the vectors of the vocabulary stay as pretrained) or ``head``.
    """
    if trainable == "head":
        for parameter in classifier.pretrained.parameters():
            parameter.requires_grad_(False)
    elif trainable == "all_but_embeddings":
        for parameter in classifier.pretrained.get_input_embeddings().parameters():
            parameter.requires_grad_(False)


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
