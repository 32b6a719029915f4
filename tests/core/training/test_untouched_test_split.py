"""Neither training nor any decision may depend on the test split: it is evaluated once, at the end."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.numpy import load_file

from core.tasks import get_task
from core.training.build import Split, SplitPredictor
from core.training.fine_tune import fine_tune
from tests.core.training.tiny_runs import EXAMPLES, ListRecorder, config_for, places_in
from tests.tiny import write_tiny_dataset

pytestmark = pytest.mark.training

OTHER_ANSWERS = {
    "single_label": ("label", lambda label: {"blue": "green", "green": "blue"}[label]),
    "multi_label": ("labels", lambda labels: [name for name in ("blue", "green") if name not in labels]),
    "token_classification": ("tags", lambda tags: ["B-PER" if tag == "O" else "O" for tag in tags]),
}
"""Task -> its column of answers, and wrong ones in the place of right ones."""


def with_other_test_answers(examples: pd.DataFrame, task_name: str) -> pd.DataFrame:
    column, change = OTHER_ANSWERS[task_name]
    is_test = examples["split"] == "test"
    return examples.assign(
        **{column: [change(value) if here else value for value, here in zip(examples[column], is_test, strict=True)]}
    )


def trained(folder: Path, examples: pd.DataFrame, task_name: str, model: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    folder.mkdir()
    dataset = write_tiny_dataset(folder / "dataset", examples, task_name)
    # Little is learned, so that there is something to decide: a model that is always right needs no thresholds.
    config = config_for(dataset, model, epochs=2).with_values({"learning_rate": 1e-3, "head_learning_rate": 5e-3})
    result = fine_tune(config, dataset, places_in(folder / "run"), ListRecorder())
    return result, pd.read_parquet(folder / "run" / "predictions.parquet")


@pytest.mark.parametrize("task_name", list(EXAMPLES))
def test_other_answers_in_the_test_split_change_nothing_but_the_test(task_name: str, tiny_model: Path, tmp_path: Path) -> None:
    examples = EXAMPLES[task_name](120)
    others = with_other_test_answers(examples, task_name)

    result, _ = trained(tmp_path / "right", examples, task_name, tiny_model)
    other, predictions = trained(tmp_path / "other", others, task_name, tiny_model)

    assert other["decision"] == result["decision"]
    assert other["calibration"] == result["calibration"]
    assert other["splits"]["validation"] == result["splits"]["validation"]
    assert other["splits"]["test"] != result["splits"]["test"]
    models = [tmp_path / name / "run" / "model" for name in ("right", "other")]
    weights, other_weights = (load_file(model / "model.safetensors") for model in models)
    assert {name for name in weights if not (weights[name] == other_weights[name]).all()} == set()
    cards = [json.loads((model / "config.json").read_text())["tuneboard"] for model in models]
    assert cards[0] == cards[1]

    if task_name == "multi_label":
        task, outputs = get_task(task_name), list(other["decision"]["thresholds"])
        of_split = dict(iter(predictions.groupby("split")))
        chosen = {
            name: task.choose_decision(rows["gold"].map(list), rows.reset_index(drop=True), outputs)
            for name, rows in of_split.items()
        }
        assert chosen["validation"] == other["decision"]
        assert chosen["test"] != other["decision"], "the test split would choose the same, so this shows nothing"


@pytest.mark.parametrize("task_name", list(EXAMPLES))
def test_the_test_split_is_read_once_and_last(
    task_name: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    logits = SplitPredictor.logits

    def watched(self: SplitPredictor, split: Split) -> Any:
        read.append(str(split.examples["split"].iloc[0]))
        return logits(self, split)

    monkeypatch.setattr(SplitPredictor, "logits", watched)

    trained(tmp_path / "run", EXAMPLES[task_name](), task_name, tiny_model)

    assert read.count("test") == 1
    assert read[-1] == "test"
    assert read.count("validation") == 2 + 2, "two epochs, then before and after calibration"
