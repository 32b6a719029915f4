"""A run shared by two ranks has the same result as a run of one process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.config.run_config import RunConfig
from core.config.settings import PROJECT_ROOT
from core.datasets.dataset import Dataset
from core.runs.directory.run_dir import RunDir
from core.training.distributed import Sharing
from tests.core.training.tiny_runs import EXAMPLES, config_for
from tests.tiny import write_tiny_dataset

training = pytest.mark.training


def start_worker(folder: Path, dataset: Dataset, config: RunConfig, **environment: str) -> subprocess.Popen[bytes]:
    run_dir = RunDir(folder)
    if not folder.exists():
        run_dir.create(config)
    command = [sys.executable, "-m", "core.runs.worker", str(folder), "--dataset", str(dataset.folder)]
    with run_dir.log_file.open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )


def run_to_the_end(folder: Path, dataset: Dataset, config: RunConfig) -> dict[str, Any]:
    assert start_worker(folder, dataset, config).wait(120) == 0, RunDir(folder).log_file.read_text()
    result = RunDir(folder).result()
    assert result is not None
    return result


def lines(folder: Path, key: str) -> list[float]:
    return [line[key] for line in RunDir(folder).metrics() if key in line]


@training
@pytest.mark.parametrize("task", ["single_label", "token_classification"])
def test_two_processes_give_what_one_gives(task: str, tiny_model: Path, tmp_path: Path) -> None:
    # 7 inputs a step, so that parts are uneven, and a last step with one input alone, where one process has none.
    examples = EXAMPLES[task]()
    training_rows = examples.index[examples["split"] == "train"]
    examples = examples.drop(training_rows[len(training_rows) // 7 * 7 - 6 :])
    dataset = write_tiny_dataset(tmp_path / "data", examples, task)
    assert dataset.num_examples["train"] % 7 == 1
    alone = config_for(dataset, tiny_model, batch_size=7, epochs=3).with_values({"encoder_dropout": 0})
    shared = alone.with_values({"processes": 2})

    one, two = run_to_the_end(tmp_path / "one", dataset, alone), run_to_the_end(tmp_path / "two", dataset, shared)

    plan = next(event for event in RunDir(tmp_path / "two").events() if event["kind"] == "plan")
    assert plan["processes"] == 2
    for key in ("train/epoch_loss", "validation/loss"):
        assert lines(tmp_path / "two", key) == pytest.approx(lines(tmp_path / "one", key), rel=1e-4)
    assert two["training"]["steps"] == one["training"]["steps"]
    assert two["splits"]["test"]["loss"] == pytest.approx(one["splits"]["test"]["loss"], rel=1e-4)


@training
def test_a_stop_reaches_both_processes_and_the_run_goes_on_where_it_was(tiny_model: Path, tmp_path: Path) -> None:
    dataset = write_tiny_dataset(tmp_path / "data", EXAMPLES["single_label"]())
    config = config_for(dataset, tiny_model, epochs=400).with_values({"processes": 2})
    folder = tmp_path / "run"
    worker = start_worker(folder, dataset, config)
    wait_for(lambda: lines(folder, "validation/loss"), worker)
    os.kill(worker.pid, signal.SIGINT)
    assert worker.wait(30) == 130
    steps = RunDir(folder).metrics()[-1]["step"]

    worker = start_worker(folder, dataset, config)
    wait_for(lambda: RunDir(folder).metrics()[-1]["step"] > steps, worker)
    resumed = [event for event in RunDir(folder).events() if event["kind"] == "resume"]
    assert resumed
    assert resumed[0]["step"] >= steps
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(30) == 143


@training
def test_a_companion_that_is_killed_ends_the_run_with_the_cause(tiny_model: Path, tmp_path: Path) -> None:
    import psutil

    dataset = write_tiny_dataset(tmp_path / "data", EXAMPLES["single_label"]())
    config = config_for(dataset, tiny_model, epochs=400).with_values({"processes": 2})
    folder = tmp_path / "run"
    worker = start_worker(folder, dataset, config)
    wait_for(lambda: lines(folder, "validation/loss"), worker)
    (companion,) = psutil.Process(worker.pid).children()
    companion.kill()
    assert worker.wait(60) == 1
    error = RunDir(folder).error()
    assert error is not None
    assert error["message"]


def wait_for(condition: Any, worker: subprocess.Popen[bytes], deadline_s: float = 60) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert worker.poll() is None, "the worker ended before its time"
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("num_items", [0, 1, 4, 7])
def test_every_item_belongs_to_exactly_one_process(size: int, num_items: int) -> None:
    parts: list[Sequence[int]] = [Sharing(rank, size).own(list(range(num_items))) for rank in range(size)]
    assert sorted(item for part in parts for item in part) == list(range(num_items))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_nothing_changes() -> None:
    alone = Sharing()
    assert (alone.sum([1.5, 2.0]), alone.gather("x"), alone.from_first("y"), alone.any(False)) == ([1.5, 2.0], ["x"], "y", False)
    assert alone.is_first
