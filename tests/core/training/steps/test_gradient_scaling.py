"""Loss scaling for float16, tested with a scaler on the CPU that takes the same path through the loop."""

from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from core.datasets.dataset import Dataset
from core.errors import RunError
from core.models.build import open_classifier
from core.training import prepare as preparing
from core.training.device import open_accelerator
from core.training.fine_tune import fine_tune
from core.training.tracking.recorder import TrainingStopped
from tests.core.training.tiny_runs import ListRecorder, as_written_before, config_for, places_in

pytestmark = pytest.mark.training

LARGEST = 2.0**14
"""A scaled loss above this overflows on the way back, as in float16."""


@pytest.fixture
def scalers(monkeypatch: pytest.MonkeyPatch) -> list[torch.amp.GradScaler]:
    """Make runs scale their losses as in float16; returns the scaler of each of them."""
    made: list[torch.amp.GradScaler] = []

    def open_scaling(device: str, precision: str) -> Accelerator:
        accelerator = open_accelerator(device, precision)
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16, growth_interval=3)
        made.append(accelerator.scaler)
        return accelerator

    monkeypatch.setattr(preparing, "open_accelerator", open_scaling)
    return made


@pytest.fixture
def overflows(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make losses overflow if they are scaled too much; returns those that did."""
    backward, found = torch.Tensor.backward, list[float]()

    def limited(self: torch.Tensor, **more: Any) -> None:
        too_large = float(self.detach()) > LARGEST
        if too_large:
            found.append(float(self.detach()))
        backward(self * float("inf") if too_large else self, **more)

    monkeypatch.setattr(torch.Tensor, "backward", limited)
    return found


@pytest.mark.parametrize("max_gradient_norm", [0.0, 0.05])
def test_l1_pulls_as_hard_where_losses_are_scaled(
    colours: Dataset, tiny_model: Path, tmp_path: Path, scalers: list[torch.amp.GradScaler], max_gradient_norm: float
) -> None:
    """Powers of two scale without rounding, so that a scaled run in float32 has the same results."""
    plain = {"optimizer": "sgd", "learning_rate": 0.05, "head_learning_rate": 0.05, "max_gradient_norm": max_gradient_norm}
    config = config_for(colours, tiny_model, epochs=1).with_values({**plain, "l1": 0.05})

    fine_tune(config, colours, places_in(tmp_path / "scaled"), ListRecorder())
    fine_tune(config.with_values({"l1": 0.0}), colours, places_in(tmp_path / "without"), ListRecorder())
    unscaled = ListRecorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "open_accelerator", open_accelerator)
        fine_tune(config, colours, places_in(tmp_path / "unscaled"), unscaled)

    assert len(scalers) == 2
    states = [open_classifier(tmp_path / name / "model")[0].state_dict() for name in ("scaled", "unscaled", "without")]
    word_vectors = "encoder.embeddings.word_embeddings.weight"
    assert not torch.allclose(states[1][word_vectors], states[2][word_vectors], atol=1e-4)  # L1 does something
    for name, expected in states[1].items():
        assert torch.allclose(states[0][name], expected, atol=1e-6), name


@pytest.mark.parametrize("stop_after", [2, 7])
def test_a_run_with_scaled_losses_goes_on_with_the_scale_it_had(
    colours: Dataset,
    tiny_model: Path,
    tmp_path: Path,
    scalers: list[torch.amp.GradScaler],
    overflows: list[float],
    stop_after: int,
) -> None:
    config, whole = config_for(colours, tiny_model), ListRecorder()
    fine_tune(config, colours, places_in(tmp_path / "whole"), whole)

    places, first, second = places_in(tmp_path / "parts"), ListRecorder(stop_after), ListRecorder()
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, first)
    fine_tune(config, colours, places, second)

    assert len(overflows) > 3  # more than in the trial steps: steps were skipped
    assert scalers[2].state_dict() == scalers[0].state_dict()
    for key in ("validation/loss", "train/epoch_loss"):
        assert first.values(key) + second.values(key) == whole.values(key)


@pytest.mark.usefixtures("scalers")
def test_a_checkpoint_that_does_not_know_the_scale_is_gone_on_from(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    places, config = places_in(tmp_path / "run"), config_for(colours, tiny_model)
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, ListRecorder(7))
    as_written_before(places.checkpoints)

    result = fine_tune(config, colours, places, ListRecorder())

    assert result["training"]["epochs"] == 4


@pytest.mark.usefixtures("scalers")
def test_a_run_whose_every_gradient_overflows_ends_and_says_so(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda self, **more: backward(self * float("inf"), **more))

    with pytest.raises(RunError, match="gradient is not a finite number at step"):
        fine_tune(config_for(colours, tiny_model, epochs=40), colours, places_in(tmp_path / "run"), ListRecorder())
