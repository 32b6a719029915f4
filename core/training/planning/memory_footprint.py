"""What a run takes of main memory, reckoned before it takes it: what it always holds, and what a text adds while it is learned.

Nothing else can keep a run from being killed: Linux grants memory that it does not have, so no error comes first. Loads no torch.
The constants are measured (``python -m benchmarks memory``; benchmarks/RESULTS.md, Memory).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.models.sizes import LONGEST_KEPT, ModelSizes

MIB = 2**20

PROCESS_MIB = 620
"""What a worker holds before it knows its run: Python, torch, transformers, and what their threads work with."""

SHARE = 0.5
"""Of what is left, how much a run may plan to take: others take memory, too, and no reckoning is exact."""

NUMBERS_PER_UNIT = 13
"""Numbers as wide as the model that a layer keeps for each token until the way back: projections, sums, factors of dropout."""

NUMBERS_PER_INNER_UNIT = 2
"""Numbers as wide as the inner layer that it keeps: before its activation, and after."""

SCORES = 3
"""Numbers for each pair of tokens and head that are kept where attention keeps its scores."""

BYTES = {"float32": 4.0, "bfloat16": 3.4, "float16": 3.4}
"""Of a number kept for the way back, by precision: sums and normalisations stay in float32, and weights are cast besides."""

MOST_TOKENS = 8192
"""Tokens computed together on a CPU, at most: more are no faster, padding included."""

OPTIMIZER_NUMBERS = {"adamw": 2, "adam": 2, "sgd": 1, "adafactor": 0}
"""Numbers an optimizer remembers for each that it moves."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimits:
    """What a worker is told of main memory.

    Attributes:
        max_memory_mib: most it may take; 0 leaves it to machine and control group.
        kills: how often the run was killed for want of memory before.
    """

    max_memory_mib: int = 0
    kills: int = 0


NO_LIMITS = MemoryLimits()


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """The parts of a run that decide what it takes.

    Attributes:
        sizes: of the pretrained model; ``None`` where they are not known, and then nothing is reckoned for a text.
        num_parameters, num_trained: numbers of the whole classifier, and of those that learn.
        num_layers_trained: layers of the encoder through which gradients go back; those below keep nothing.
        optimizer: its name.
        num_kept: sets of weights of best validations that are kept.
        is_averaged: whether an average of the weights is kept besides.
        precision: float32, bfloat16 or float16.
        recomputes: whether inner values are computed again on the way back (gradient checkpointing).
    """

    sizes: ModelSizes | None
    num_parameters: int
    num_trained: int
    num_layers_trained: int
    optimizer: str = "adamw"
    num_kept: int = 1
    is_averaged: bool = False
    precision: str = "float32"
    recomputes: bool = False

    @property
    def weights_bytes(self) -> int:
        """The classifier itself."""
        return 4 * self.num_parameters

    @property
    def later_bytes(self) -> int:
        """What comes with the first steps and validations and stays: the optimizer's state, kept and averaged weights."""
        moved = OPTIMIZER_NUMBERS.get(self.optimizer, 2) + self.is_averaged
        return 4 * (moved * self.num_trained + self.num_kept * self.num_parameters)

    @property
    def gradient_bytes(self) -> int:
        """Gradients of all that learns."""
        return 4 * self.num_trained

    def bytes_of_text(self, length: int) -> int:
        """What one more text of so many tokens takes on its way through the model and back; 0 where that is not known."""
        sizes = self.sizes
        if sizes is None:
            return 0
        width = BYTES.get(self.precision, 4.0)
        of_token = NUMBERS_PER_UNIT * sizes.hidden_size + NUMBERS_PER_INNER_UNIT * sizes.intermediate_size
        of_pairs = SCORES * sizes.num_heads * length if sizes.keeps_scores or length <= LONGEST_KEPT else 0
        of_layer = length * (of_token + of_pairs) * width
        if self.recomputes:
            return int(of_layer + sizes.num_layers * length * sizes.hidden_size * width)
        # One layer's worth besides: what a layer computes and does not keep, and gradients on their way.
        return int((self.num_layers_trained + 1) * of_layer)

    def most_texts(self, length: int, budget_bytes: int | None) -> int:
        """How many texts of so many tokens fit together, at least one.

        Args:
            length: tokens of the longest of them.
            budget_bytes: what they may take; ``None`` leaves them to what is fast.
        """
        fast = MOST_TOKENS // max(1, length)
        each = self.bytes_of_text(length)
        return max(1, fast if budget_bytes is None or not each else min(fast, budget_bytes // each))

    def budget_bytes(self, left_bytes: int, *, has_state: bool = False) -> int:
        """What texts computed together may take, of what is left when the classifier is there and nothing else.

        Args:
            left_bytes: main memory that could still be had.
            has_state: whether the optimizer's state and kept weights are there already, as where a run goes on.
        """
        held = self.gradient_bytes + (0 if has_state else self.later_bytes)
        return max(0, int(SHARE * left_bytes) - held)

    def peak_mib(self, *, batch_size: int, longest: int, num_tokens: int, left_mib: int) -> int:
        """The most a run will take, in MiB.

        Args:
            batch_size: texts of a step.
            longest: tokens of the longest text.
            num_tokens: of all texts that are read.
            left_mib: main memory that is left before the run begins.
        """
        always = self.weights_bytes + self.gradient_bytes + self.later_bytes
        left = left_mib * MIB - PROCESS_MIB * MIB - self.weights_bytes
        together = min(batch_size, self.most_texts(longest, self.budget_bytes(left)))
        rows = num_tokens * 12  # token ids, the texts themselves, and what pandas holds of them
        return PROCESS_MIB + (always + together * self.bytes_of_text(longest) + rows) // MIB
