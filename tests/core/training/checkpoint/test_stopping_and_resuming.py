"""A run that is stopped and then resumed, or finished with its best checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.datasets.dataset import Dataset
from core.errors import RunError
from core.inference import Predictor
from core.training.distributed import ALONE, Sharing
from core.training.fine_tune import fine_tune
from core.training.loop import Loop
from core.training.tracking.model_selection import FIGURES
from core.training.tracking.recorder import TrainingStopped
from tests.core.training.tiny_runs import ListRecorder, as_written_before, config_for, places_in
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training


@pytest.mark.parametrize("stop_after", [1, 6, 11])
def test_stopping_at_any_step_and_resuming_gives_the_same_losses_as_never_stopping(
    colours: Dataset, tiny_model: Path, tmp_path: Path, stop_after: int
) -> None:
    config = config_for(colours, tiny_model)
    whole = ListRecorder()
    uninterrupted = fine_tune(config, colours, places_in(tmp_path / "whole"), whole)

    places, first, second = places_in(tmp_path / "parts"), ListRecorder(stop_after), ListRecorder()
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, first)
    resumed = fine_tune(config, colours, places, second)

    assert first.values("validation/loss") + second.values("validation/loss") == whole.values("validation/loss")
    assert first.values("train/epoch_loss") + second.values("train/epoch_loss") == whole.values("train/epoch_loss")
    assert resumed["splits"] == uninterrupted["splits"]
    for name in FIGURES:
        key = f"selection/{name}"
        assert first.values(key) + second.values(key) == whole.values(key)
        assert resumed["training"][name] == uninterrupted["training"][name]


def test_a_checkpoint_of_the_version_before_is_gone_on_from(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config, places = config_for(colours, tiny_model), places_in(tmp_path / "run")
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, ListRecorder(11))
    as_written_before(places.checkpoints)

    result = fine_tune(config, colours, places, ListRecorder())

    assert result["training"]["epochs"] == 4
    assert result["training"]["highest_score"] >= result["training"]["best_score"]


class StoppedWhileWeighing(ListRecorder):
    """Requests a stop after training, while the TF-IDF classifier is trained."""

    def stop_requested(self) -> bool:
        return any(facts.get("phase") == "calibrating" for _, _, facts in self.events)


def test_a_stop_while_words_are_weighed_is_heard_and_nothing_is_learned_twice(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.calibration.calibrate.NEWS_INTERVAL_S", 0.0)
    dataset = write_tiny_dataset(tmp_path / "colours", tiny_dataset(240))
    few_steps = {"trainable": "head", "learning_rate": 1e-6, "head_learning_rate": 1e-6, "epochs": 1, "word_evidence": True}
    config = config_for(dataset, tiny_model).with_values(few_steps)
    whole = fine_tune(config, dataset, places_in(tmp_path / "whole"), ListRecorder())

    places, resumed = places_in(tmp_path / "parts"), ListRecorder()
    with pytest.raises(TrainingStopped):
        fine_tune(config, dataset, places, StoppedWhileWeighing())
    result = fine_tune(config, dataset, places, resumed)

    assert not resumed.values("train/loss")
    assert (result["splits"], result["calibration"]) == (whole["splits"], whole["calibration"])
    assert whole["calibration"]["evidence"] > 0
    assert "Training the TF-IDF classifier: 1 of 2 labels done." in [message for _, message, _ in resumed.events]


def test_resumed_by_more_processes_than_before_no_two_draw_the_same_random_numbers(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, places = config_for(colours, tiny_model), places_in(tmp_path / "run")
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, ListRecorder(3))

    class LookedAtError(Exception):
        """The test has seen enough of the run."""

    load, states = Loop.load_checkpoint, []
    for sharing in (ALONE, Sharing(0, 2), Sharing(1, 2), Sharing(0, 2)):

        def look(self: Loop, folder: Path, progress: dict[str, Any], sharing: Sharing = sharing) -> None:
            self.sharing = sharing
            load(self, folder, progress)
            states.append(torch.get_rng_state())
            raise LookedAtError

        monkeypatch.setattr(Loop, "load_checkpoint", look)
        with pytest.raises(LookedAtError):
            fine_tune(config, colours, places, ListRecorder())

    alone, first, second, first_again = states
    assert not torch.equal(first, second)
    assert not torch.equal(first, alone)
    assert torch.equal(first, first_again)


def test_finishing_a_stopped_run_tests_what_was_learned_without_another_step(
    colours: Dataset, tiny_model: Path, tmp_path: Path
) -> None:
    config, places = config_for(colours, tiny_model, epochs=20), places_in(tmp_path / "run")
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, ListRecorder(stop_after=9))

    result = fine_tune(config, colours, places, ListRecorder(), finish_now=True)

    assert result["training"]["steps"] == 9
    assert result["splits"]["test"]["num_examples"] == colours.num_examples["test"]
    assert Predictor.load(places.model).labels == ["blue", "green"]


def test_finishing_without_a_checkpoint_says_so(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint"):
        fine_tune(config_for(colours, tiny_model), colours, places_in(tmp_path / "run"), ListRecorder(), finish_now=True)
