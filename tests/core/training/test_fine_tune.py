"""A run from its rows to a model that predicts, with its events and metrics."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.datasets.dataset import Dataset
from core.inference import Predictor
from core.training.fine_tune import fine_tune
from core.training.tracking.metrics import StepMetrics
from tests.core.training.tiny_runs import EXAMPLES, ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training

KNOWN_TRAINING_LOSSES = [0.7346, 0.6036, 0.4210, 0.2782]
KNOWN_VALIDATION_LOSSES = [0.6432, 0.5461, 0.3298, 0.2666]


@pytest.fixture(params=list(EXAMPLES))
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "dataset", EXAMPLES[request.param](), request.param)


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
    config = config_for(colours, tiny_model).with_values({"encoder_dropout": 0})  # dropout's random numbers may differ

    fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    assert recorder.values("train/epoch_loss") == pytest.approx(KNOWN_TRAINING_LOSSES, rel=2e-2)
    assert recorder.values("validation/loss") == pytest.approx(KNOWN_VALIDATION_LOSSES, rel=2e-2, abs=1e-4)


def test_every_line_names_the_learning_rates_of_its_own_step(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StepMetrics, "age_s", property(lambda _: 10.0))  # so that every step has its line
    config = config_for(colours, tiny_model, epochs=2).with_values(
        {"learning_rate": 0.02, "head_learning_rate": 0.01, "layer_decay": 0.5, "schedule": "linear", "warmup_steps": 2}
    )
    recorder = ListRecorder()

    fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    factors = [1 / 3, 2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert recorder.values("train/learning_rate") == pytest.approx([0.02 * factor for factor in factors])
    assert recorder.values("train/head_learning_rate") == pytest.approx([0.01 * factor for factor in factors])


def test_long_texts_are_reported(tiny_model: Path, tmp_path: Path) -> None:
    examples = tiny_dataset()
    long = [examples.index[examples["split"] == split][0] for split in ("train", "test")]
    examples.loc[long, "text"] = " ".join(["sky"] * 100)
    dataset = write_tiny_dataset(tmp_path / "dataset", examples)
    recorder = ListRecorder()

    fine_tune(config_for(dataset, tiny_model, epochs=1), dataset, places_in(tmp_path / "run"), recorder)

    assert [message for kind, message, _ in recorder.events if kind == "warning" and "tokens" in message] == [
        "Texts longer than 64 tokens are truncated: 1 of 32 texts of the train split, 1 of 14 texts of the test split."
    ]
