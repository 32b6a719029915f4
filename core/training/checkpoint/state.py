"""What a checkpoint holds beside the place reached: everything from which training goes on exactly as it would have.

Weights are safetensors files of their own; the rest is as ``core.training.checkpoint.serialization`` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file

from core.training.checkpoint.serialization import read_state, write_state

Weights = dict[str, torch.Tensor]
"""A model's weights by name, in main memory."""

RandomState = tuple[torch.Tensor, torch.Tensor | None]
"""Where a process stands in its random numbers: the processor's, and those of its GPU if it trains on one."""


@dataclass(kw_only=True)
class TrainingState:
    """All that changes while a model is trained.

    Attributes:
        weights: as the last step left them.
        kept: the weights of the best validations, best first.
        optimizer, learning_rate: what their ``state_dict`` gave.
        average: the averaged weights; empty where none are kept.
        random: of each process that shares the run.
        outcomes: what the ``state_dict`` of the selection among epochs gave.
        scaler: what the ``state_dict`` of the scaler of losses gave; empty where losses are not scaled.
    """

    weights: Weights
    kept: list[Weights]
    optimizer: dict[str, Any]
    learning_rate: dict[str, Any]
    average: list[torch.Tensor] = field(default_factory=list)
    random: list[RandomState] = field(default_factory=list)
    outcomes: dict[int, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Put everything into a folder."""
        save_file(self.weights, folder / "model.safetensors")
        for place, weights in enumerate(self.kept):
            save_file(weights, folder / f"kept-{place}.safetensors")
        state = {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "average": self.average,
            "random": [processor for processor, _ in self.random],
            "random_cuda": [gpu for _, gpu in self.random if gpu is not None],
            "outcomes": self.outcomes,
            "scaler": self.scaler,
        }
        write_state(state, folder)

    @classmethod
    def read(cls, folder: Path, *, num_kept: int) -> Self:
        """What ``write`` put into a folder, in main memory.

        Args:
            folder: with files that have been verified.
            num_kept: how many best validations' weights are among them.
        """
        state = read_state(folder)
        gpus = state["random_cuda"] or [None] * len(state["random"])
        return cls(
            weights=load_file(folder / "model.safetensors"),
            kept=[load_file(folder / f"kept-{place}.safetensors") for place in range(num_kept)],
            optimizer=state["optimizer"],
            learning_rate=state["learning_rate"],
            average=state["average"],
            random=list(zip(state["random"], gpus, strict=True)),
            outcomes=state.get("outcomes", {}),  # checkpoints of layout 3 have neither
            scaler=state.get("scaler", {}),
        )


def weights_of(module: torch.nn.Module) -> Weights:
    """A copy of a module's weights in main memory."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in module.state_dict().items()}


def mean_of(weights: list[Weights]) -> Weights:
    """The mean of each tensor over several sets of weights; what is not a fraction is taken from the first."""
    first = weights[0]
    return {
        name: torch.stack([each[name] for each in weights]).mean(dim=0) if first[name].is_floating_point() else first[name]
        for name in first
    }


def random_state(device: torch.device) -> RandomState:
    """Where this process stands in the random numbers it draws."""
    return torch.get_rng_state(), torch.cuda.get_rng_state() if device.type == "cuda" else None


def set_random_state(state: RandomState, device: torch.device) -> None:
    """Go on drawing from where ``random_state`` was taken."""
    processor, gpu = state
    torch.set_rng_state(processor)
    if gpu is not None and device.type == "cuda":
        torch.cuda.set_rng_state(gpu)
