"""Data-parallel training with one process (rank) per GPU, with the same result as a single process.

Each rank computes a part of every step's inputs and of every split that is read. Sums, gradients and predictions are combined
over all ranks before anything is decided. So parts of unequal size are weighted correctly, and no metric is an average of
averages.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed

from core.training.checkpoint.serialization import from_bytes, to_bytes

T = TypeVar("T")

MEETING = "TUNEBOARD_MEETING"
"""Environment variable with the URL of the file through which the ranks of a run find each other."""


@dataclass(frozen=True)
class Sharing:
    """This process's rank among those that share a run.

    Attributes:
        rank: rank of this process; rank 0 writes all files.
        size: number of ranks; with 1, nothing here has any cost.
        device: where tensors are reduced.
    """

    rank: int = 0
    size: int = 1
    device: torch.device | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def own(self, items: Sequence[T]) -> Sequence[T]:
        """This rank's part of the items; parts differ in size by at most one and may be empty."""
        return items[self.rank :: self.size]

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums of numbers over all ranks."""
        if self.size == 1:
            return list(values)
        # Apple GPUs have no double precision, but there is only ever one of them.
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return [float(value) for value in total.tolist()]

    def any(self, value: bool) -> bool:
        """Whether it is true in at least one rank."""
        return value if self.size == 1 else self.sum([float(value)])[0] > 0

    def gather(self, value: T) -> list[T]:
        """The value of each rank, made of tensors, arrays and plain values, in the order of the ranks."""
        if self.size == 1:
            return [value]
        own = _as_tensor(to_bytes(value))
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        distributed.all_gather(lengths, torch.tensor([len(own)]))
        longest = max(int(length) for length in lengths)
        parts = [torch.empty(longest, dtype=torch.uint8) for _ in range(self.size)]
        distributed.all_gather(parts, torch.nn.functional.pad(own, (0, longest - len(own))))
        return [from_bytes(part[: int(length)].numpy().tobytes()) for part, length in zip(parts, lengths, strict=True)]

    def from_first(self, value: T) -> T:
        """The value of rank 0, made of the same types."""
        if self.size == 1:
            return value
        own = _as_tensor(to_bytes(value))
        length = torch.tensor([len(own)])
        distributed.broadcast(length, src=0)
        told = own if self.is_first else torch.empty(int(length), dtype=torch.uint8)
        distributed.broadcast(told, src=0)
        first: T = from_bytes(told.numpy().tobytes())
        return first

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum over all ranks; a missing gradient counts as zero."""
        if self.size == 1:
            return
        gradients = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        first = 0
        for gradient in gradients:
            gradient.copy_(together[first : first + gradient.numel()].view_as(gradient))
            first += gradient.numel()

    def start_alike(self, module: torch.nn.Module) -> None:
        """Give every rank the weights of rank 0."""
        if self.size > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                distributed.broadcast(tensor.data, src=0)


ALONE = Sharing()


def _as_tensor(data: bytes) -> torch.Tensor:
    """Bytes to send, in main memory; torch's own object collectives would unpickle whatever arrives."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def init_process_group(device: str) -> None:
    """Join the process group of the run, if the environment names one, with this rank's share of the machine.

    Args:
        device: ``cuda``, where each rank has its own GPU, or ``cpu``, where they share the cores.
    """
    meeting = os.environ.get(MEETING)
    if meeting is None or distributed.is_initialized():
        return
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if device == "cuda":
        torch.cuda.set_device(rank)
        # Objects are sent through main memory, tensors from GPU to GPU.
        distributed.init_process_group("cpu:gloo,cuda:nccl", init_method=meeting, rank=rank, world_size=size)
    else:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
