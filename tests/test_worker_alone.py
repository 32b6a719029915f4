"""What trains runs on a bare machine: without the dashboard, and without what keeps the workspace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.config.run_config import ComputeConfig, DataConfig, ModelConfig, RunConfig, TrainingConfig
from core.config.settings import PROJECT_ROOT
from core.runs.directory.run_dir import RunDir
from tests.tiny import tiny_dataset, write_tiny_dataset

BLOCKED = ("alembic", "plotly", "sqlalchemy", "streamlit", "tensorboard")
"""What a machine that only trains may not have."""

BLOCK = f"import sys; sys.modules |= dict.fromkeys({BLOCKED!r}); "
"""A module that is None there counts as not installed, for those who import it and for those who ask."""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{BLOCK}\n{code}", *arguments],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", BLOCKED)
def test_what_is_blocked_cannot_be_imported(name: str) -> None:
    assert "ModuleNotFoundError" in python(f"import {name}").stderr


TRAINS = (
    "core.datasets.dataset",
    "core.machine.devices",
    "core.training.planning.run_plan",
    "core.inference",
    "core.runs.worker.worker",
    "core.runs.worker.ranks",
    "core.training.fine_tune",
    "core.runs.worker.preload",
    "benchmarks.contenders",
)


def test_what_trains_can_be_imported() -> None:
    ended = python(
        "import importlib, traceback\n"
        f"for name in {TRAINS!r}:\n"
        "    try:\n        importlib.import_module(name)\n"
        "    except Exception:\n        print(name)\n        traceback.print_exc()\n"
    )

    assert (ended.stdout, ended.returncode) == ("", 0), ended.stderr


@pytest.mark.training
def test_a_worker_trains_and_its_model_predicts(tmp_path: Path, tiny_model: Path) -> None:
    dataset = write_tiny_dataset(tmp_path / "colours", tiny_dataset())
    run_dir = RunDir(tmp_path / "run")
    run_dir.create(
        RunConfig(
            data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task),
            model=ModelConfig(model=str(tiny_model)),
            training=TrainingConfig(epochs=1, batch_size=8),
            compute=ComputeConfig(device="cpu"),
        )
    )

    worker = "import runpy; runpy.run_module('core.runs.worker', run_name='__main__')"
    ended = python(worker, str(run_dir.folder), "--dataset", str(dataset.folder))

    assert ended.returncode == 0, ended.stderr
    assert run_dir.result() is not None
    assert not run_dir.tensorboard.exists()
    predict = (
        "import json; from core.inference import Predictor; print(json.dumps(Predictor.load(sys.argv[1]).predict(['blue'])))"
    )
    predicted = python("from pathlib import Path\n" + predict.replace("sys.argv[1]", "Path(sys.argv[1])"), str(run_dir.model))
    assert json.loads(predicted.stdout)[0]["label"] in dataset.labels


def test_a_run_goes_on_without_tensorboard(tmp_path: Path) -> None:
    code = """
from pathlib import Path
from core.runs.worker.tensorboard import TensorBoardLog
log = TensorBoardLog(Path(sys.argv[1]) / "tensorboard")
log.add({"step": 1, "train/loss": 0.5})
assert log.has_failed
log.add({"step": 2, "train/loss": 0.4})
"""
    ended = python(code, str(tmp_path))

    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.iterdir()) == []
