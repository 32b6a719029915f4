"""Which epoch is kept, and when training ends because nothing is gained any more."""

from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.training.fine_tune import fine_tune
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
    (said,) = [message for kind, message, _ in recorder.events if kind == "info" and "Stopped early" in message]
    assert f"Epoch {result['training']['best_epoch']} is the best" in said


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
    assert f"{min(losses):.4f}: the best alone is kept." in said
