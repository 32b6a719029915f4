"""Which inputs go into a batch together, and the batch as tensors.

Texts of like length share a batch and are padded only to the longest of it. The order depends on nothing but the seed and the
epoch, so that a resumed run sees the rest of the epoch as it would have come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.tasks.base import Encoded, Task

POOL_BATCHES = 50
"""Batches' worth of shuffled inputs that are sorted by length together: enough to pad little, few enough to stay random."""


@dataclass(frozen=True)
class Batch:
    """One step's inputs.

    Attributes:
        input_ids, attention_mask: int64, ``(batch, length)``.
        targets: as the task collates them; nothing where gold is not known.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    targets: torch.Tensor | None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        targets = None if self.targets is None else self.targets.to(device, non_blocking=True)
        return Batch(self.input_ids.to(device, non_blocking=True), self.attention_mask.to(device, non_blocking=True), targets)


def training_batches(lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Positions of the inputs of each batch of an epoch; every input occurs exactly once.

    Args:
        lengths: tokens of each input.
        batch_size: inputs per batch; the last batch may be smaller.
        seed, epoch: decide the order, and nothing else does.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    pool_size = batch_size * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool_size):
        shuffled = order[start : start + pool_size]
        by_length = shuffled[np.argsort(np.asarray(lengths)[shuffled], kind="stable")]
        batches.extend(by_length[i : i + batch_size].tolist() for i in range(0, len(by_length), batch_size))
    return [batches[i] for i in random.permutation(len(batches))]


def evaluation_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Positions of the inputs of each batch, longest first, so that memory runs out at once or not at all."""
    order = np.argsort(-np.asarray(lengths, dtype=int), kind="stable")
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]


def collate(encoded: Encoded, positions: Sequence[int], task: Task, pad_token_id: int) -> Batch:
    """The inputs at some positions as one padded batch, with their targets."""
    batch = pad([encoded.input_ids[i] for i in positions], pad_token_id)
    if not encoded.targets:
        return batch
    targets = task.collate_targets([encoded.targets[i] for i in positions], batch.input_ids.shape[1])
    return replace(batch, targets=targets)


def pad(rows: Sequence[Sequence[int]], pad_token_id: int) -> Batch:
    """Inputs of unequal length as one batch without targets."""
    length = max(len(row) for row in rows)
    input_ids = torch.full((len(rows), length), pad_token_id, dtype=torch.long)
    attention_mask = torch.zeros((len(rows), length), dtype=torch.long)
    for i, row in enumerate(rows):
        input_ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        attention_mask[i, : len(row)] = 1
    return Batch(input_ids, attention_mask, targets=None)
