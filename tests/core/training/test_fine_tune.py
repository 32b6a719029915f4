import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from core.config import ComputeConfig, DataConfig, HeadConfig, ModelConfig, OptimizerConfig, RunConfig, TrainingConfig
from core.datasets.dataset import Dataset
from core.errors import DatasetError, ModelError, RunError
from core.inference import Predictor
from core.models.building import open_classifier
from core.training.fine_tune import Places, TrainingStopped, fine_tune
from core.training.loop import Loop
from core.training.report import Report
from core.training.sharing import ALONE, Sharing
from tests.tiny import (
    tiny_dataset,
    tiny_entities_dataset,
    tiny_multi_label_dataset,
    write_tiny_dataset,
)

pytestmark = pytest.mark.training

EXAMPLES = {
    "single_label": tiny_dataset,
    "multi_label": tiny_multi_label_dataset,
    "token_classification": tiny_entities_dataset,
}


class ListRecorder:
    """Keeps everything, and asks for a stop after a number of steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.lines: list[dict[str, float]] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.asked = 0
        self.stop_after = stop_after

    def metrics(self, values: Mapping[str, float]) -> None:
        self.lines.append(dict(values))

    def event(self, kind: str, message: str, **facts: Any) -> None:
        self.events.append((kind, message, facts))

    def stop_requested(self) -> bool:
        self.asked += 1
        return self.stop_after is not None and self.asked > self.stop_after

    def values(self, key: str) -> list[float]:
        return [line[key] for line in self.lines if key in line]


def places_in(folder: Path) -> Places:
    folder.mkdir(exist_ok=True)
    return Places(
        checkpoints=folder / "checkpoints",
        model=folder / "model",
        predictions=folder / "predictions.parquet",
        hub_models=folder / "hub",
    )


def config_for(dataset: Dataset, model: Path, **training: Any) -> RunConfig:
    return RunConfig(
        data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task),
        model=ModelConfig(model=str(model)),
        head=HeadConfig(dropout=0.0),
        optimizer=OptimizerConfig(learning_rate=5e-3, head_learning_rate=2e-2),
        training=TrainingConfig(**{"epochs": 4, "batch_size": 8, **training}),
        compute=ComputeConfig(precision="float32", device="cpu"),
    )


@pytest.fixture(params=list(EXAMPLES))
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "dataset", EXAMPLES[request.param](), request.param)


@pytest.fixture
def colours(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "colours", tiny_dataset())


def test_each_task_is_learned_tested_saved_and_predicts_the_same_afterwards(
    dataset: Dataset, tiny_model: Path, tmp_path: Path
) -> None:
    places, recorder = places_in(tmp_path / "run"), ListRecorder()

    result = fine_tune(config_for(dataset, tiny_model, epochs=20), dataset, places, recorder)

    json.dumps(result, allow_nan=False)
    losses = recorder.values("train/epoch_loss")
    assert losses[-1] < 0.3 * losses[0]
    predictor = Predictor.load(places.model)
    test = dataset.examples("test")
    scores = predictor.task.flat_scores(result["splits"]["test"])
    assert scores[predictor.task.headline.key] > 0.9
    table = pd.read_parquet(places.predictions)
    assert table["split"].value_counts().to_dict() == {name: dataset.num_examples[name] for name in ("validation", "test")}
    again = predictor.predict(test["text"].tolist())
    assert [_predicted(row, text) for row, text in zip(again, test["text"], strict=True)] == [
        _stored(value, row) for value, (_, row) in zip(table[table["split"] == "test"]["predicted"], test.iterrows(), strict=True)
    ]


def _predicted(row: dict[str, Any], text: str) -> Any:
    if "entities" in row:
        return [(text[entity["start"] : entity["end"]], entity["type"]) for entity in row["entities"]]
    return row.get("label", row.get("labels"))


def _stored(value: Any, row: Any) -> Any:
    if "tags" not in row:
        return value if isinstance(value, str) else list(value)
    from core.tasks.token_classification import entities_of

    found = entities_of(row["text"], row["starts"], row["ends"], list(value), [1.0] * len(value))
    return [(entity["text"], entity["type"]) for entity in found]


def test_losses_of_the_tiny_model_are_the_known_ones(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    recorder = ListRecorder()
    config = config_for(colours, tiny_model).with_values({"encoder_dropout": 0})  # which numbers dropout draws is its own affair

    fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    assert recorder.values("train/epoch_loss") == pytest.approx(KNOWN_TRAINING_LOSSES, rel=2e-2)
    assert recorder.values("validation/loss") == pytest.approx(KNOWN_VALIDATION_LOSSES, rel=2e-2, abs=1e-4)


KNOWN_TRAINING_LOSSES = [0.7346, 0.6036, 0.4210, 0.2782]
KNOWN_VALIDATION_LOSSES = [0.6432, 0.5461, 0.3298, 0.2666]


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


def test_resumed_by_more_processes_than_before_no_two_draw_the_same_random_numbers(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, places = config_for(colours, tiny_model), places_in(tmp_path / "run")
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places, ListRecorder(3))

    class LookedAtError(Exception):
        """Enough was seen."""

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


def test_other_rows_than_the_run_was_made_for_are_refused(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model)
    other = write_tiny_dataset(tmp_path / "other", tiny_dataset(40))

    with pytest.raises(DatasetError, match="content hash"):
        fine_tune(config, other, places_in(tmp_path / "run"), ListRecorder())


def test_a_loss_that_is_no_number_fails_with_advice(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model, epochs=30).with_values(
        {"learning_rate": 1.0, "head_learning_rate": 1.0, "max_gradient_norm": 0}
    )
    broken = tmp_path / "broken"
    _copy_with_infinite_weights(tiny_model, broken)

    with pytest.raises(RunError, match="finite number at step 1"):
        fine_tune(config.with_values({"model.model": str(broken)}), colours, places_in(tmp_path / "run"), ListRecorder())


def test_a_step_that_is_not_finite_is_not_taken_and_what_was_learned_before_can_be_finished(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, config = places_in(tmp_path / "run"), config_for(colours, tiny_model, epochs=20)
    backward, computed = torch.Tensor.backward, 0

    def spoilt(self: torch.Tensor, **more: Any) -> None:
        nonlocal computed
        computed += 1
        backward(self * float("inf") if computed == 30 else self, **more)  # the first one is the rehearsal

    monkeypatch.setattr(torch.Tensor, "backward", spoilt)
    with pytest.raises(RunError) as error:
        fine_tune(config, colours, places, ListRecorder())
    monkeypatch.undo()
    result = fine_tune(config, colours, places, ListRecorder(), finish_now=True)

    assert "gradient stopped being a finite number at step 29, on records " in str(error.value)
    assert f"the best ones, of epoch {result['training']['best_epoch']}, are kept" in str(error.value)
    assert result["training"]["steps"] == 28
    assert result["splits"]["test"]["accuracy"] > 0.9
    assert all(tensor.isfinite().all() for tensor in open_classifier(places.model)[0].state_dict().values())


def test_every_line_names_the_learning_rates_of_its_own_step(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Report, "age_s", property(lambda _: 10.0))  # so that every step has its line
    config = config_for(colours, tiny_model, epochs=2).with_values(
        {"learning_rate": 0.02, "head_learning_rate": 0.01, "layer_decay": 0.5, "schedule": "linear", "warmup_steps": 2}
    )
    recorder = ListRecorder()

    fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    factors = [1 / 3, 2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert recorder.values("train/learning_rate") == pytest.approx([0.02 * factor for factor in factors])
    assert recorder.values("train/head_learning_rate") == pytest.approx([0.01 * factor for factor in factors])


def _copy_with_infinite_weights(model: Path, target: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, target)
    weights = load_file(target / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"] = torch.full((32,), float("inf"))
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def test_long_texts_are_reported(tiny_model: Path, tmp_path: Path) -> None:
    examples = tiny_dataset()
    long = [examples.index[examples["split"] == split][0] for split in ("train", "test")]
    examples.loc[long, "text"] = " ".join(["sky"] * 100)
    dataset = write_tiny_dataset(tmp_path / "dataset", examples)
    recorder = ListRecorder()

    fine_tune(config_for(dataset, tiny_model, epochs=1), dataset, places_in(tmp_path / "run"), recorder)

    assert [message for kind, message, _ in recorder.events if kind == "warning" and "tokens" in message] == [
        "Longer than 64 tokens, and read without their end: 1 of 32 texts of the train split, 1 of 14 texts of the test split."
    ]


def test_weights_that_are_not_safetensors_are_refused(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_model, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")

    with pytest.raises(ModelError, match="no weights as safetensors"):
        fine_tune(config_for(colours, pickled), colours, places_in(tmp_path / "run"), ListRecorder())


def test_similarity_head_knows_the_labels_before_the_first_step(tiny_model: Path, tmp_path: Path) -> None:
    import torch

    from core.models.building import build_classifier, load_tokenizer
    from core.models.catalogue import describe
    from core.models.heads import HeadShape
    from core.tasks import get_task
    from core.training.predicting import run_model
    from core.training.starting_point import start_from_label_means

    task, outputs, cpu = get_task("single_label"), ["blue", "green"], torch.device("cpu")
    tokenizer = load_tokenizer(tiny_model)
    classifier = build_classifier(
        describe(str(tiny_model), tmp_path), task, outputs, pooling="mean", head=HeadShape(kind="cosine")
    )
    encoded = task.encode(tiny_dataset(), tokenizer, {"blue": 0, "green": 1}, 32)

    def accuracy() -> float:
        ran = run_model(classifier, encoded, task, pad_token_id=0, batch_size=8, device=cpu)
        return sum(int(row.argmax()) == target for row, target in zip(ran.logits, encoded.targets, strict=True)) / 60

    start_from_label_means(classifier, encoded, 2, 0, cpu)

    assert accuracy() > 0.9


def test_similarity_head_is_trained_saved_and_opened_again(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    places = places_in(tmp_path / "run")
    config = config_for(colours, tiny_model).with_values({"head": "cosine"})

    result = fine_tune(config, colours, places, ListRecorder())

    assert result["splits"]["test"]["accuracy"] == 1.0
    predicted = [row["label"] for row in Predictor.load(places.model).predict(colours.examples("test")["text"].tolist())]
    assert predicted == colours.examples("test")["label"].tolist()
