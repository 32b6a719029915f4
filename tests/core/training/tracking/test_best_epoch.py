"""Which epoch is kept, and when early stopping ends training."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.errors import RunError
from core.training.build import Split, SplitPredictor
from core.training.fine_tune import fine_tune
from core.training.tracking.kept_epoch import which_epoch
from core.training.tracking.progress import Validation
from tests.core.training.tiny_runs import ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training


def test_best_epoch_is_the_one_that_is_kept(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    recorder = ListRecorder()

    result = fine_tune(config_for(colours, tiny_model, epochs=6), colours, places_in(tmp_path / "run"), recorder)

    scores = recorder.values("validation/macro_f1")
    one_example = 1 / colours.num_examples["validation"]
    as_good = [epoch for epoch, score in enumerate(scores, start=1) if score >= max(scores) - one_example]
    assert result["training"]["best_epoch"] == as_good[-1]
    assert result["splits"]["validation"]["macro"]["f1"] == pytest.approx(scores[as_good[-1] - 1])
    training = result["training"]
    assert (training["best_score"], training["highest_score"]) == (scores[as_good[-1] - 1], max(scores))
    assert scores[training["highest_epoch"] - 1] == max(scores)
    assert recorder.values("selection/best_epoch")[-1] == training["best_epoch"]
    assert which_epoch(training) in [message for kind, message, _ in recorder.events if kind == "info"]


def test_patience_ends_training_when_validation_no_longer_gains(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    recorder = ListRecorder()
    config = config_for(colours, tiny_model, epochs=50, early_stopping_patience=2)

    result = fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    scores = recorder.values("validation/macro_f1")
    one_example = 1 / colours.num_examples["validation"]
    to_beat, last_gain = -1.0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > to_beat + one_example:
            to_beat, last_gain = score, epoch
    assert result["training"]["epochs"] == len(scores) == last_gain + 2
    (said,) = [message for kind, message, _ in recorder.events if kind == "info" and "Early stopping" in message]
    assert f"Epoch {result['training']['best_epoch']} is the " in said


def test_the_best_epoch_can_be_the_one_of_the_lowest_loss(tiny_model: Path, tmp_path: Path) -> None:
    examples, other = tiny_dataset(), {"blue": "green", "green": "blue"}
    wrong = examples["split"] == "validation"
    examples.loc[wrong, "label"] = examples.loc[wrong, "label"].map(
        other
    )  # so that the loss rises as soon as anything is learned
    dataset, recorder = write_tiny_dataset(tmp_path / "contrary", examples), ListRecorder()
    config = config_for(dataset, tiny_model, epochs=20, early_stopping_patience=2, selection_metric="loss", average_best=2)

    result = fine_tune(config, dataset, places_in(tmp_path / "run"), recorder)

    losses = recorder.values("validation/loss")
    assert result["training"]["best_epoch"] == 1 + losses.index(min(losses))
    assert result["training"]["epochs"] == len(losses) == result["training"]["best_epoch"] + 2
    (said,) = [message for _, message, _ in recorder.events if message.startswith("The average")]
    assert f"{min(losses):.4f}: the best epoch is kept." in said


def with_losses(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """Replace the losses of the first validations by these."""
    validate, left = SplitPredictor.validate, list(losses)

    def spoilt(self: SplitPredictor, split: Split, metric: str) -> Validation:
        found = validate(self, split, metric)
        return dataclasses.replace(found, loss=left.pop(0)) if left else found

    monkeypatch.setattr(SplitPredictor, "validate", spoilt)


def test_a_validation_loss_that_is_no_number_is_not_the_lowest(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, config = ListRecorder(), config_for(colours, tiny_model, epochs=3, selection_metric="loss")
    with_losses(monkeypatch, [float("nan")])

    result = fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    losses = recorder.values("validation/loss")  # of the second and the third epoch
    assert result["training"]["best_epoch"] == 2 + losses.index(min(losses))
    assert result["training"]["best_score"] == min(losses)
    (said,) = [message for kind, message, _ in recorder.events if kind == "warning" and "finite" in message]
    assert said.startswith("The validation loss after epoch 1 is not a finite number.")


def test_where_no_validation_loss_is_a_number_the_last_weights_are_tested_and_it_is_said(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = ListRecorder()
    config = config_for(colours, tiny_model, epochs=3, selection_metric="loss", early_stopping_patience=2)
    with_losses(monkeypatch, [float("nan")] * 3)

    result = fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    assert (result["training"]["best_epoch"], result["training"]["epochs"]) == (0, 2)
    assert "highest_score" not in result["training"]
    assert [message for _, message, _ in recorder.events if message.startswith("No epoch could be selected")]
    assert result["splits"]["test"]["num_examples"] == colours.num_examples["test"]


def test_an_average_of_epochs_that_cannot_be_measured_is_not_kept(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(colours, tiny_model, epochs=2, selection_metric="loss", average_best=2)
    with_losses(monkeypatch, [0.5, 0.4, float("nan")])

    result = fine_tune(config, colours, places_in(tmp_path / "run"), ListRecorder())

    assert result["training"]["from_epochs"] == [2]


def test_a_model_whose_answers_are_no_numbers_is_not_called_trained(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = SplitPredictor.logits
    monkeypatch.setattr(SplitPredictor, "logits", lambda *given: replace(logits(*given), loss=float("nan")))

    with pytest.raises(RunError, match="loss on the validation split is not a finite number"):
        fine_tune(config_for(colours, tiny_model, epochs=1), colours, places_in(tmp_path / "run"), ListRecorder())
