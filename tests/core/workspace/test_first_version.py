"""A workspace that the first version of the product made, as it lies in ``tests/workspaces``, still opens, answers and trains."""

import shutil
from pathlib import Path

import pytest

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.datasets.dataset import open_dataset
from core.inference import Predictor
from core.runs.directory.run_dir import RunDir
from core.runs.store.records import RunState
from core.training.checkpoint.manager import Checkpoints
from core.training.fine_tune import Places, fine_tune
from core.workspace.workspace import Workspace
from tests.core.training.tiny_runs import ListRecorder

FIRST_VERSION = Path(__file__).resolve().parents[2] / "workspaces" / "first_version"
COLOURS, SEVERAL, NAMES, STOPPED = (
    "20261127-225957-kte5x",
    "20261127-230031-mcfkd",
    "20261127-230111-arj57",
    "20261127-230207-2j76d",
)
TEXTS = ["the sea looks deep blue", "anna works at acme in paris"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return shutil.copytree(FIRST_VERSION, tmp_path / "home")


def test_its_data_sets_and_runs_are_listed_with_what_they_came_to(home: Path) -> None:
    workspace = Workspace(Settings(home=home))
    try:
        assert {record.name for record in workspace.dataset_records()} == {"colours", "several", "names"}
        runs = {run.id: run for run in workspace.runs()}
        assert {run.state for run in (runs[COLOURS], runs[SEVERAL], runs[NAMES])} == {RunState.SUCCEEDED}
        assert runs[STOPPED].state is RunState.CANCELLED
        assert (runs[NAMES].headline_name, runs[NAMES].headline) == ("Entity F1", pytest.approx(0.5714285714285714))
        assert len(workspace.dataset(runs[COLOURS].dataset_id).examples("train")) == 52
    finally:
        workspace.close()


def test_its_models_answer_as_they_did_then(home: Path) -> None:
    colours, several, names = (
        Predictor.load(RunDir(home / "runs" / run).model, "cpu").predict(TEXTS) for run in (COLOURS, SEVERAL, NAMES)
    )

    assert [answer["label"] for answer in colours] == ["blue", "green"]
    assert [answer["probability"] for answer in colours] == pytest.approx([0.8356583275933194, 0.5721642174659637], abs=1e-5)
    assert [answer["labels"] for answer in several] == [["blue", "green"], ["blue", "green"]]
    assert several[0]["probabilities"]["blue"] == pytest.approx(0.34073828011224583, abs=1e-5)
    assert several[0]["thresholds"] == {"blue": 0.18, "green": 0.18}
    assert [(entity["text"], entity["type"]) for entity in names[1]["entities"]] == [
        ("anna", "PER"),
        ("works", "LOC"),
        ("acme", "ORG"),
        ("paris", "LOC"),
    ]
    assert names[1]["entities"][0]["confidence"] == pytest.approx(0.418907199774546, abs=1e-5)


@pytest.mark.training
def test_its_stopped_run_trains_and_says_that_its_checkpoint_is_of_another_format(home: Path) -> None:
    run_dir, recorder = RunDir(home / "runs" / STOPPED), ListRecorder()
    config = RunConfig.from_yaml(run_dir.config_file.read_text(encoding="utf-8")).with_values({"epochs": 2, "device": "cpu"})
    dataset = open_dataset(home / "datasets" / config.data.dataset)
    places = Places(
        checkpoints=run_dir.checkpoints, model=run_dir.model, predictions=run_dir.predictions_file, hub_models=home / "models"
    )

    reasons = Checkpoints(places.checkpoints).set_unreadable_aside()
    result = fine_tune(config, dataset, places, recorder)

    assert list(reasons.values()) == ["was written by another version of Tuneboard in another format,"]
    assert result["training"]["epochs"] == 2
    assert run_dir.model.is_dir()
