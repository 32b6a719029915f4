"""The classifiers that are trained: a pretrained encoder with a head, both with the same small interface.

``PooledClassifier`` pools the encoder's token vectors as in pretraining and adds a head on top.
``ArchitectureClassifier`` is the architecture's own model for the task, which ``transformers.pipeline`` opens without our code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from core.models.tfidf_head import TfidfHead

COSINE_SCALE = 20.0
"""Factor from cosine to logit; at 1 the softmax could never give a high probability."""


class CosineHead(nn.Module):
    """Prototype head: scaled cosine similarities between a text's vector and each label's prototype vector.

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
    """One linear layer, initialized near zero so that no label is preferred."""

    def __init__(self, hidden_size: int, num_outputs: int) -> None:
        super().__init__(hidden_size, num_outputs)
        nn.init.normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)


class FeedForwardHead(nn.Module):
    """Hidden layers with an activation after each, then a linear head."""

    def __init__(self, hidden_size: int, num_outputs: int, shape: HeadShape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = hidden_size
        for size in shape.hidden_sizes:
            layers += [nn.Linear(width, size), ACTIVATIONS[shape.activation]()]
            width = size
        self.hidden = nn.Sequential(*layers)
        self.last = LinearHead(width, num_outputs)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Logits ``(batch, num_outputs)`` for vectors ``(batch, hidden_size)``."""
        logits: torch.Tensor = self.last(self.hidden(vectors))
        return logits


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """The kind and size of a head, in plain values that are saved with the model.

    Attributes:
        kind: ``linear``, ``cosine`` or ``feed_forward``.
        hidden_sizes, activation: of a feed-forward head.
        dropout: dropout rate of the head's inputs.
    """

    kind: str = "linear"
    hidden_sizes: tuple[int, ...] = ()
    activation: str = "gelu"
    dropout: float = 0.0

    def build(self, hidden_size: int, num_outputs: int) -> CosineHead | LinearHead | FeedForwardHead:
        """The head, for vectors of ``hidden_size``."""
        if self.kind == "cosine":
            return CosineHead(hidden_size, num_outputs)
        if self.kind == "feed_forward":
            return FeedForwardHead(hidden_size, num_outputs, self)
        return LinearHead(hidden_size, num_outputs)


class AttentionPooling(nn.Module):
    """Attention pooling: the mean of token vectors, weighted by a learned query. Starts as the plain mean."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.question = nn.Linear(hidden_size, 1, bias=False)
        nn.init.zeros_(self.question.weight)

    def forward(self, hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """``(batch, hidden_size)`` for ``hidden`` of ``(batch, length, hidden_size)``."""
        scores = self.question(hidden).squeeze(-1).float().masked_fill(attention_mask == 0, -torch.inf)
        weights = torch.softmax(scores, dim=-1).to(hidden.dtype)
        return (weights.unsqueeze(-1) * hidden).sum(dim=1)


class PooledClassifier(nn.Module):
    """Encoder, pooling, dropout, and a head: one row of logits per text.

    Attributes:
        scale: factor of the head's logits (inverse temperature), fitted on validation after training.
        words: TF-IDF classifier whose logits are added, trained after the encoder; ``None`` without one.
    """

    def __init__(self, encoder: Any, hidden_size: int, num_outputs: int, *, pooling: str, head: HeadShape) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.pooling = pooling
        self.attention = AttentionPooling(hidden_size) if pooling == "attention" else None
        self.dropout = nn.Dropout(head.dropout)
        self.head = head.build(hidden_size, num_outputs)
        self.scale = 1.0
        self.words: TfidfHead | None = None

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, vectors: torch.Tensor | None = None) -> torch.Tensor:
        """Logits ``(batch, num_outputs)``.

        Args:
            input_ids, attention_mask: ``(batch, length)``.
            vectors: their cached ``embed`` output, if there is one.
        """
        if vectors is None:
            vectors = self.embed(input_ids, attention_mask)
        logits: torch.Tensor = self.head(self.dropout(vectors))
        if self.scale != 1.0:
            logits = self.scale * logits
        return logits if self.words is None else logits + self.words(input_ids, attention_mask)

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The vectors the head reads, ``(batch, hidden_size)``."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.attention is not None:
            vectors: torch.Tensor = self.attention(hidden, attention_mask)
            return vectors
        return pool(hidden, attention_mask, self.pooling)

    def fresh_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that start untrained and may have a higher learning rate than the encoder."""
        learned = [self.head] if self.attention is None else [self.head, self.attention]
        return (parameter for module in learned for parameter in module.parameters())

    @property
    def pretrained(self) -> Any:
        """The pretrained transformers model."""
        return self.encoder

    @property
    def output_bias(self) -> nn.Parameter | None:
        """Biases of the outputs, ``(num_outputs,)``; ``None`` if the head has none."""
        last = self.head.last if isinstance(self.head, FeedForwardHead) else self.head
        return last.bias if isinstance(last, LinearHead) else None


class ArchitectureClassifier(nn.Module):
    """A transformers model for sequence or token classification, with its own pooling and head.

    Attributes:
        dropout: of the output layer's inputs, if the architecture has none there.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.dropout: nn.Dropout | None = None

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
        """The pretrained transformers model."""
        return self.model.base_model

    @property
    def output_bias(self) -> nn.Parameter | None:
        """Biases of the outputs, ``(num_outputs,)``; ``None`` if the head has none."""
        return None if self.output_layer is None else self.output_layer.bias

    @property
    def output_layer(self) -> nn.Linear | None:
        """The linear layer that gives the logits; ``None`` if the model does not end in one."""
        *_, last = (module for module in self.model.modules() if isinstance(module, nn.Linear))
        return last if last.out_features == self.model.config.num_labels else None


Classifier = PooledClassifier | ArchitectureClassifier


def shift_outputs(classifier: Classifier, shift: np.ndarray) -> None:
    """Add ``shift``, ``(num_outputs,)``, to the output biases; a head without biases is unchanged."""
    if classifier.output_bias is not None and shift.any():
        with torch.no_grad():
            classifier.output_bias.add_(torch.from_numpy(shift).to(classifier.output_bias))


def can_scale_outputs(classifier: Classifier) -> bool:
    """Whether ``scale_outputs`` is supported: an architecture's own head must end in a linear layer."""
    return isinstance(classifier, PooledClassifier) or classifier.output_layer is not None


def scale_outputs(classifier: Classifier, scale: float) -> None:
    """Multiply the model's logits by a constant; requires ``can_scale_outputs``."""
    if isinstance(classifier, PooledClassifier):
        classifier.scale *= scale
    elif classifier.output_layer is not None:
        with torch.no_grad():
            for parameter in classifier.output_layer.parameters():
                parameter.mul_(scale)


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector per text.

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
