"""How much a run computes, and how long that takes at a machine's pace. Loads no torch.

Counted is what computes: layers, not the vectors of a vocabulary that are only looked up; tokens as they are, since texts of like
length share a batch; the layers that learn and those that are only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.models.sizes import LONGEST_KEPT, ModelSizes
from core.training.planning.machine_pace import Pace

STARTING_S = 6.0
"""Seconds from launch to the first step: imports, data, model."""

ENDING_S = 3.0
"""Seconds for what comes after the last epoch beside reading: calibrating, saving."""

STEP_S = 0.002
"""Seconds of a step that are not spent on computing: choosing and padding its inputs, its loss, its figures."""

EPOCH_S = 0.3
"""Seconds of an epoch beside its steps: scoring validation, keeping weights, reporting."""

ROWS_TOKENIZED_PER_S = 15_000.0

LOOKS_PER_S = 8e6
"""Tokens and pairs times labels a second that word evidence is learned from (benchmarks/RESULTS.md, words)."""

MOST_LOOKS = 250_000_000
"""More are never learned from."""

PADDING = 1.04
"""Tokens computed for each real one, sorted by length as they are."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A run in figures.

    Attributes:
        sizes: of the pretrained model.
        lengths: tokens of each input, on a sample of the training split; cut or in windows as they are read.
        num_train: inputs learned from in an epoch.
        num_read: inputs read without learning, over the whole run.
        num_texts: texts that are tokenized.
        epochs, steps: in all.
        num_trained: numbers of the encoder that the optimizer moves.
        num_layers_back: layers through which gradients go back.
        num_learning: numbers of those layers that learn.
        is_read_once: whether the encoder is frozen, so that each training text is read once and only the head learns.
        num_labels_weighed: labels for which words are weighed; 0 where they are not.
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
        """How long the run takes."""
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
        """Of a text as they are in the mean."""
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

    A product takes two for each number on the way there, two more for the gradient of its values on the way back, and two for
    that of its weights where they learn. Attention takes two products with each other token, and twice that on the way back.

    Args:
        in_layer: numbers of a layer.
        num_layers: of the encoder.
        num_layers_back: through which gradients go back.
        num_learning: numbers that learn.
        hidden: width of a layer.
        length: tokens of the text.

    Source: J. Kaplan et al., Scaling laws for neural language models, 2020, section 2.1.
    """
    attention = 4 * length * hidden
    attention_back = 2 * attention + (attention // 2 if length > LONGEST_KEPT else 0)
    there = num_layers * (2 * in_layer + attention)
    back = num_layers_back * (2 * in_layer + attention_back) + 2 * num_learning
    return float(there + back)
