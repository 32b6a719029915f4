"""The state in a checkpoint beside the progress: everything needed to resume training exactly.

Weights are safetensors files of their own; the rest is written by ``core.training.checkpoint.serialization``.
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
"""State of a process's random number generators: the CPU's, and its GPU's if it trains on one."""


@dataclass(kw_only=True)
class TrainingState:
    """All state that changes during training.

    Attributes:
        weights: after the last step.
        kept: the weights of the best validations, best first.
        optimizer, learning_rate: their ``state_dict``.
        average: the averaged weights (EMA); empty if off.
        random: random state of each rank.
        outcomes: ``state_dict`` of the model selection.
        scaler: ``state_dict`` of the loss scaler (float16); empty if losses are not scaled.
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
        """Write the state into a folder."""
        save_file(self.weights, folder / "model.safetensors")
        for place, weights in enumerate(self.kept):
            save_file(weights, folder / f"kept-{place}.safetensors")
        state = {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "average": self.average,
            "random": [cpu for cpu, _ in self.random],
            "random_cuda": [gpu for _, gpu in self.random if gpu is not None],
            "outcomes": self.outcomes,
            "scaler": self.scaler,
        }
        write_state(state, folder)

    @classmethod
    def read(cls, folder: Path, *, num_kept: int) -> Self:
        """The state that ``write`` wrote into a folder, in main memory.

        Args:
            folder: with verified files.
            num_kept: number of best validations whose weights are among them.
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
            outcomes=state.get("outcomes", {}),  # missing in format version 3, like the scaler
            scaler=state.get("scaler", {}),
        )


def weights_of(module: torch.nn.Module) -> Weights:
    """A copy of a module's weights in main memory."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in module.state_dict().items()}


def mean_of(weights: list[Weights]) -> Weights:
    """The mean of each tensor over several sets of weights; integer tensors are taken from the first."""
    first = weights[0]
    return {
        name: torch.stack([each[name] for each in weights]).mean(dim=0) if first[name].is_floating_point() else first[name]
        for name in first
    }


def random_state(device: torch.device) -> RandomState:
    """The state of this process's random number generators."""
    return torch.get_rng_state(), torch.cuda.get_rng_state() if device.type == "cuda" else None


def set_random_state(state: RandomState, device: torch.device) -> None:
    """Restore what ``random_state`` returned."""
    cpu, gpu = state
    torch.set_rng_state(cpu)
    if gpu is not None and device.type == "cuda":
        torch.cuda.set_rng_state(gpu)
