"""The amount of computation of a run, and its duration at a machine's speed. Loads no torch.

It counts the layers, but not the embeddings, which are only looked up. It counts tokens without padding, because texts of similar
length share a batch. Trained and frozen layers are counted separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.models.sizes import LONGEST_KEPT, ModelSizes
from core.training.planning.machine_pace import Pace

STARTING_S = 6.0
"""Seconds from launch to the first step: imports, data, model."""

ENDING_S = 3.0
"""Seconds after the last epoch beside evaluation: calibrating, saving."""

STEP_S = 0.002
"""Overhead of a step in seconds: choosing and padding its inputs, its loss, its metrics."""

EPOCH_S = 0.3
"""Overhead of an epoch in seconds: scoring validation, copying weights, reporting."""

ROWS_TOKENIZED_PER_S = 15_000.0

LOOKS_PER_S = 8e6
"""Tokens and pairs times labels per second when the TF-IDF classifier is trained (benchmarks/RESULTS.md, words)."""

MOST_LOOKS = 250_000_000
"""Most tokens and pairs times labels that it is trained on."""

PADDING = 1.04
"""Tokens computed per real token, with inputs sorted by length."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The amount of computation of a run.

    Attributes:
        sizes: of the pretrained model.
        lengths: tokens of each input, on a sample of the training split; truncated or in windows, as they are read.
        num_train: training inputs per epoch.
        num_read: inputs read in inference, over the whole run.
        num_texts: texts that are tokenized.
        epochs, steps: in total.
        num_trained: trainable parameters of the encoder.
        num_layers_back: layers in the backward pass.
        num_learning: trainable parameters of those layers.
        is_read_once: whether the encoder is frozen, so that each training text is encoded once and only the head is trained.
        num_labels_weighed: labels for which the TF-IDF classifier is trained; 0 without one.
    """

    sizes: ModelSizes
    lengths: Sequence[int]
    num_train: int
    num_read: int
    num_texts: int
    epochs: int
    steps: int
    num_trained: int
    num_layers_back: int
    num_learning: int
    is_read_once: bool = False
    num_labels_weighed: int = 0

    def seconds(self, pace: Pace) -> float:
        """Estimated duration of the run."""
        learned, read = self.num_train * self.epochs, self.num_read
        if self.is_read_once:
            learned, read = 0, self.num_train + read // (self.epochs + 1)
        computing = learned * self._seconds_of_text(pace, learns=True) + read * self._seconds_of_text(pace, learns=False)
        looks = 2 * self.num_labels_weighed * self.num_train * sum(self.lengths) / len(self.lengths)
        return (
            STARTING_S
            + self.num_texts / ROWS_TOKENIZED_PER_S
            + computing
            + self.steps * (STEP_S + self.num_trained / pace.moved_per_s)
            + self.epochs * EPOCH_S
            + min(looks, MOST_LOOKS) / LOOKS_PER_S
            + ENDING_S
        )

    def _seconds_of_text(self, pace: Pace, *, learns: bool) -> float:
        """Mean computing time of a text."""
        total = 0.0
        for length in self.lengths:
            each = flops_of_token(
                in_layer=self.sizes.num_in_layer,
                num_layers=self.sizes.num_layers,
                num_layers_back=self.num_layers_back if learns else 0,
                num_learning=self.num_learning if learns else 0,
                hidden=self.sizes.hidden_size,
                length=length,
            )
            total += PADDING * length * each / pace.flops(length)
        return total / len(self.lengths)


def flops_of_token(*, in_layer: int, num_layers: int, num_layers_back: int, num_learning: int, hidden: int, length: int) -> float:
    """Floating-point operations for one token of a text.

    Per parameter, a matrix product takes two operations in the forward pass, two in the backward pass for the gradient of its
    inputs, and two for the gradient of its weights if they are trained. Attention takes two products with every other token, and
    twice that in the backward pass.

    Args:
        in_layer: parameters of a layer.
        num_layers: of the encoder.
        num_layers_back: layers in the backward pass.
        num_learning: trainable parameters.
        hidden: hidden size.
        length: tokens of the text.

    Source: J. Kaplan et al., Scaling laws for neural language models, 2020, section 2.1.
    """
    attention = 4 * length * hidden
    attention_back = 2 * attention + (attention // 2 if length > LONGEST_KEPT else 0)
    there = num_layers * (2 * in_layer + attention)
    back = num_layers_back * (2 * in_layer + attention_back) + 2 * num_learning
    return float(there + back)
