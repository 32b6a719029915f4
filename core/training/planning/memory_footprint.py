"""Estimate of a run's main memory: what it always holds, and what each text of a training step adds.

Only an estimate can keep a run from being killed: Linux overcommits memory, so no error is raised first. Loads no torch. The
constants are measured (``python -m benchmarks memory``; benchmarks/RESULTS.md, Memory).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.models.sizes import LONGEST_KEPT, ModelSizes

MIB = 2**20

PROCESS_MIB = 620
"""Memory of a worker before its run: Python, torch, transformers, and buffers of their threads."""

SHARE = 0.5
"""Share of the free memory that a run may plan to use: other programs need memory, too, and the estimate is not exact."""

NUMBERS_PER_UNIT = 13
"""Values per hidden unit that a layer stores per token for the backward pass: projections, sums, dropout masks."""

NUMBERS_PER_INNER_UNIT = 2
"""Values per unit of the intermediate layer that it stores: before and after the activation."""

SCORES = 3
"""Values stored per pair of tokens and attention head, if attention stores its scores."""

BYTES = {"float32": 4.0, "bfloat16": 3.4, "float16": 3.4}
"""Bytes per value stored for the backward pass, by precision: sums and normalizations stay in float32, and weights are cast."""

MOST_TOKENS = 8192
"""Most tokens computed together on a CPU, with padding; more are no faster."""

OPTIMIZER_NUMBERS = {"adamw": 2, "adam": 2, "sgd": 1, "adafactor": 0}
"""Values of optimizer state per trainable parameter."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimits:
    """Limits on a worker's main memory.

    Attributes:
        max_memory_mib: most it may use; 0 leaves the limit to machine and control group.
        kills: how often the run has been killed for lack of memory before.
    """

    max_memory_mib: int = 0
    kills: int = 0


NO_LIMITS = MemoryLimits()


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """The parts of a run that determine its memory.

    Attributes:
        sizes: of the pretrained model; ``None`` if not known, and then texts count as 0.
        num_parameters, num_trained: all parameters of the classifier, and the trainable ones.
        num_layers_trained: layers of the encoder in the backward pass; those below store nothing.
        optimizer: its name.
        num_kept: number of best epochs whose weights are kept.
        is_averaged: whether an average of the weights is kept as well.
        precision: float32, bfloat16 or float16.
        recomputes: whether activations are recomputed in the backward pass (gradient checkpointing).
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
        """Weights of the classifier."""
        return 4 * self.num_parameters

    @property
    def later_bytes(self) -> int:
        """Memory allocated in the first steps and validations and then held: optimizer state, kept and averaged weights."""
        moved = OPTIMIZER_NUMBERS.get(self.optimizer, 2) + self.is_averaged
        return 4 * (moved * self.num_trained + self.num_kept * self.num_parameters)

    @property
    def gradient_bytes(self) -> int:
        """Gradients of all trainable parameters."""
        return 4 * self.num_trained

    def bytes_of_text(self, length: int) -> int:
        """Memory of one more text of this many tokens in forward and backward pass; 0 if not known."""
        sizes = self.sizes
        if sizes is None:
            return 0
        width = BYTES.get(self.precision, 4.0)
        of_token = NUMBERS_PER_UNIT * sizes.hidden_size + NUMBERS_PER_INNER_UNIT * sizes.intermediate_size
        of_pairs = SCORES * sizes.num_heads * length if sizes.keeps_scores or length <= LONGEST_KEPT else 0
        of_layer = length * (of_token + of_pairs) * width
        if self.recomputes:
            return int(of_layer + sizes.num_layers * length * sizes.hidden_size * width)
        # One more layer: values that a layer computes and does not store, and intermediate gradients.
        return int((self.num_layers_trained + 1) * of_layer)

    def most_texts(self, length: int, budget_bytes: int | None) -> int:
        """How many texts of this many tokens fit into one portion; at least 1.

        Args:
            length: tokens of the longest of them.
            budget_bytes: memory they may use; ``None`` for no limit but speed.
        """
        fast = MOST_TOKENS // max(1, length)
        each = self.bytes_of_text(length)
        return max(1, fast if budget_bytes is None or not each else min(fast, budget_bytes // each))

    def budget_bytes(self, left_bytes: int, *, has_state: bool = False) -> int:
        """Memory that the texts of a portion may use, given what is free once the classifier is loaded.

        Args:
            left_bytes: free main memory.
            has_state: whether optimizer state and kept weights are already allocated, as in a resumed run.
        """
        held = self.gradient_bytes + (0 if has_state else self.later_bytes)
        return max(0, int(SHARE * left_bytes) - held)

    def peak_mib(self, *, batch_size: int, longest: int, num_tokens: int, left_mib: int) -> int:
        """Peak memory of a run, in MiB.

        Args:
            batch_size: texts of a step.
            longest: tokens of the longest text.
            num_tokens: of all texts that are read.
            left_mib: free main memory before the run starts.
        """
        always = self.weights_bytes + self.gradient_bytes + self.later_bytes
        left = left_mib * MIB - PROCESS_MIB * MIB - self.weights_bytes
        together = min(batch_size, self.most_texts(longest, self.budget_bytes(left)))
        rows = num_tokens * 12  # token ids, the texts themselves, and their copies in pandas
        return PROCESS_MIB + (always + together * self.bytes_of_text(longest) + rows) // MIB
