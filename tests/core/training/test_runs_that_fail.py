"""A run that cannot start, or fails during training, reports why and keeps its best weights."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.datasets.dataset import Dataset
from core.errors import DatasetError, ModelError, RunError
from core.models.build import open_classifier
from core.training.fine_tune import fine_tune
from tests.core.training.tiny_runs import ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training


def test_other_rows_than_the_run_was_made_for_are_refused(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model)
    other = write_tiny_dataset(tmp_path / "other", tiny_dataset(40))

    with pytest.raises(DatasetError, match="content hash"):
        fine_tune(config, other, places_in(tmp_path / "run"), ListRecorder())


def test_weights_that_are_not_safetensors_are_refused(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_model, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")

    with pytest.raises(ModelError, match="contains no safetensors weights"):
        fine_tune(config_for(colours, pickled), colours, places_in(tmp_path / "run"), ListRecorder())


def test_a_loss_that_is_no_number_fails_with_advice(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model, epochs=30).with_values(
        {"learning_rate": 1.0, "head_learning_rate": 1.0, "max_gradient_norm": 0}
    )
    broken = tmp_path / "broken"
    _copy_with_infinite_weights(tiny_model, broken)

    with pytest.raises(RunError, match="finite number at step 1"):
        fine_tune(config.with_values({"model.model": str(broken)}), colours, places_in(tmp_path / "run"), ListRecorder())


def _copy_with_infinite_weights(model: Path, target: Path) -> None:
    shutil.copytree(model, target)
    weights = load_file(target / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"] = torch.full((32,), float("inf"))
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def test_a_step_that_is_not_finite_is_not_taken_and_what_was_learned_before_can_be_finished(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, config = places_in(tmp_path / "run"), config_for(colours, tiny_model, epochs=20)
    backward, computed = torch.Tensor.backward, 0

    def spoilt(self: torch.Tensor, **more: Any) -> None:
        nonlocal computed
        computed += 1
        backward(self * float("inf") if computed == 30 else self, **more)  # the first one is the trial step

    monkeypatch.setattr(torch.Tensor, "backward", spoilt)
    with pytest.raises(RunError) as error:
        fine_tune(config, colours, places, ListRecorder())
    monkeypatch.undo()
    result = fine_tune(config, colours, places, ListRecorder(), finish_now=True)

    assert "gradient is not a finite number at step 29, on records " in str(error.value)
    assert "Lower the learning rate and run again." in str(error.value)  # it trains in float32 already
    assert f"the best weights, of epoch {result['training']['best_epoch']}, are saved" in str(error.value)
    assert result["training"]["steps"] == 28
    assert result["splits"]["test"]["accuracy"] > 0.9
    assert all(tensor.isfinite().all() for tensor in open_classifier(places.model)[0].state_dict().values())
