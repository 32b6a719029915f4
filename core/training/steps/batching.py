"""Batching: which inputs form a batch, and the batch as tensors.

Texts of similar length share a batch and are padded only to its longest. The order depends only on the seed and the epoch, so
that a resumed run sees the rest of the epoch in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from core.tasks.base import Encoded, Task
from core.tasks.label_matrix import LabelMatrix

POOL_BATCHES = 100
"""Shuffled inputs, in batches, that are sorted by length together: enough to pad little, few enough to stay random."""


PORTION_START_TOKENS = 250
"""Cost of one more portion on a CPU, in tokens that could be computed in that time: weights are cast again and gradients added
up. Model and precision change both times in proportion (benchmarks/RESULTS.md)."""

EVALUATION_TOKENS = 16_384
"""Most tokens per batch in evaluation, where no activations are stored: more are no faster and take gigabytes."""

UNDIVIDED = 10**9
"""A start cost higher than that of any padding, so that there are no more portions than memory requires."""


@dataclass(frozen=True)
class Batch:
    """One step's inputs.

    Attributes:
        input_ids, attention_mask: int64, ``(batch, length)``.
        targets: as the task collates them; ``None`` without gold labels.
        num_units: number of targets the loss sums over.
        vectors: cached features of a frozen encoder, ``(batch, hidden_size)``; ``None`` if there are none.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    targets: torch.Tensor | None
    num_units: int = 0
    vectors: torch.Tensor | None = None

    @property
    def inputs(self) -> tuple[torch.Tensor, ...]:
        """The arguments of the classifier's forward pass."""
        known = () if self.vectors is None else (self.vectors,)
        return (self.input_ids, self.attention_mask, *known)

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        targets = None if self.targets is None else self.targets.to(device, non_blocking=True)
        return replace(
            self,
            input_ids=self.input_ids.to(device, non_blocking=True),
            attention_mask=self.attention_mask.to(device, non_blocking=True),
            targets=targets,
            vectors=None if self.vectors is None else self.vectors.to(device, non_blocking=True),
        )


def training_batches(
    lengths: Sequence[int] | np.ndarray, batch_size: int, *, seed: int, epoch: int, weights: np.ndarray | None = None
) -> list[list[int]]:
    """Positions of the inputs of each batch of an epoch; without weights every input occurs exactly once.

    Args:
        lengths: tokens of each input.
        batch_size: inputs per batch; the last batch may be smaller.
        seed, epoch: determine the order.
        weights: how often each input should be drawn, relative to the others; inputs may then repeat or be left out.
    """
    random = np.random.default_rng((seed, epoch))
    if weights is None:
        order = random.permutation(len(lengths))
    else:
        order = random.choice(len(lengths), size=len(lengths), p=weights / weights.sum())
    lengths = np.asarray(lengths)
    pool_size = batch_size * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool_size):
        shuffled = order[start : start + pool_size]
        by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
        batches.extend(by_length[i : i + batch_size].tolist() for i in range(0, len(by_length), batch_size))
    return [batches[i] for i in random.permutation(len(batches))]


def portions(
    positions: Sequence[int],
    lengths: Sequence[int] | np.ndarray,
    limit: int,
    *,
    start_cost: int,
    most: Callable[[int], int] | None = None,
) -> list[list[int]]:
    """Divide a batch into portions with the lowest total cost: tokens computed, padding included, and start costs.

    Args:
        positions: of the batch's inputs.
        lengths: tokens of each input.
        limit: most inputs in a portion.
        start_cost: cost of one more portion, in tokens that could be computed in that time.
        most: returns how many inputs fit into memory together if the longest has this many tokens; at least 1.

    Returns:
        Positions of each portion's inputs, shortest first.
    """
    rows = sorted(positions, key=lambda position: int(lengths[position]))
    tokens = [int(lengths[row]) for row in rows]
    padding = sum(tokens[-1] - length for length in tokens) if rows else 0

    def largest(longest: int) -> int:
        return limit if most is None else max(1, min(limit, most(longest)))

    if not rows or (padding <= start_cost and len(rows) <= largest(tokens[-1])):
        return [rows] if rows else []
    fewest, starts = [0.0], [0]
    for end in range(1, len(rows) + 1):
        longest = tokens[end - 1]
        first = max(0, end - largest(longest))
        costs = [fewest[start] + (end - start) * longest for start in range(first, end)]
        fewest.append(min(costs) + start_cost)
        starts.append(first + costs.index(min(costs)))
    cuts = [len(rows)]
    while cuts[0]:
        cuts.insert(0, starts[cuts[0]])
    return [rows[start:end] for start, end in pairwise(cuts)]


def evaluation_batches(
    lengths: Sequence[int] | np.ndarray, batch_size: int, *, most_tokens: int = EVALUATION_TOKENS
) -> list[list[int]]:
    """Positions of the inputs of each batch, longest first, so that memory runs out at once or not at all.

    Args:
        lengths: tokens of each input.
        batch_size: most inputs per batch.
        most_tokens: most tokens per batch, with padding; a single longer input is a batch of its own.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        end = start + max(1, min(batch_size, most_tokens // max(1, int(lengths[order[start]]))))
        batches.append(order[start:end].tolist())
        start = end
    return batches


def collate(encoded: Encoded, positions: Sequence[int], task: Task, pad_token_id: int) -> Batch:
    """The inputs at some positions as one padded batch, with their targets."""
    batch = pad([encoded.input_ids[i] for i in positions], pad_token_id)
    if encoded.vectors is not None:
        batch = replace(batch, vectors=torch.from_numpy(encoded.vectors[list(positions)]))
    if not len(encoded.targets):
        return batch
    targets = task.collate_targets([encoded.targets[i] for i in positions], batch.input_ids.shape[1])
    return replace(batch, targets=targets, num_units=task.count_units(targets))


def pad(rows: Sequence[Sequence[int] | np.ndarray], pad_token_id: int) -> Batch:
    """Inputs of different lengths as one padded batch without targets."""
    length = max(len(row) for row in rows)
    input_ids = np.full((len(rows), length), pad_token_id, dtype=np.int64)
    attention_mask = np.zeros((len(rows), length), dtype=np.int64)
    for i, row in enumerate(rows):
        input_ids[i, : len(row)] = row
        attention_mask[i, : len(row)] = 1
    return Batch(torch.from_numpy(input_ids), torch.from_numpy(attention_mask), targets=None)


def balanced_weights(strata: LabelMatrix) -> np.ndarray:
    """How often each example should be drawn so that all labels are seen about equally often.

    An example counts by the rarest of its labels; one without a label counts like one of the most frequent label.

    Args:
        strata: which labels each example has.

    Returns:
        float, ``(num_examples,)``.
    """
    counts = np.maximum(strata.counts, 1)
    rarity = np.zeros(strata.num_rows)
    np.maximum.at(rarity, strata.rows, 1.0 / counts[strata.labels])
    return np.asarray(np.where(rarity > 0, rarity, 1.0 / counts.max(initial=1)))
