"""The real worker, as a separate process, on the tiny model."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from core.config.run_config import ComputeConfig, DataConfig, HeadConfig, ModelConfig, OptimizerConfig, RunConfig, TrainingConfig
from core.datasets.dataset import Dataset
from core.runs.directory.run_dir import RunDir
from core.runs.worker.worker import ALREADY_AT_WORK
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training

ROOT = Path(__file__).resolve().parents[4]
DEADLINE_S = 60.0

KNOWN_LOSSES = [1.0872, 0.5074, 0.2474]
"""Training losses of three epochs on the tiny model; another order of batches or another update would give others."""


@pytest.fixture
def colours(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "colours", tiny_dataset())


def new_run(tmp_path: Path, dataset: Dataset, model: Path, *, epochs: int) -> RunDir:
    config = RunConfig(
        data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task),
        model=ModelConfig(model=str(model), encoder_dropout=0.0),  # the random numbers of dropout are not tested here
        head=HeadConfig(dropout=0.0),
        optimizer=OptimizerConfig(learning_rate=5e-3),
        training=TrainingConfig(epochs=epochs, batch_size=8),
        compute=ComputeConfig(precision="float32", device="cpu"),
    )
    run_dir = RunDir(tmp_path / "run")
    run_dir.create(config)
    return run_dir


def start(run_dir: RunDir, dataset: Dataset, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "core.runs.worker", str(run_dir.folder), "--dataset", str(dataset.folder), *more]
    with run_dir.log_file.open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)  # polling interval


def states(run_dir: RunDir) -> list[str]:
    return [event["state"] for event in run_dir.events() if event["kind"] == "state"]


def steps(run_dir: RunDir) -> list[int]:
    return [line["step"] for line in run_dir.metrics()]


def tensorboard_steps(run_dir: RunDir, tag: str) -> list[int]:
    (path,) = run_dir.tensorboard.iterdir()
    events = EventFileLoader(str(path)).Load()
    return [event.step for event in events for value in event.summary.value if value.tag == tag]


def test_a_run_leaves_everything_it_promised(tmp_path: Path, colours: Dataset, tiny_model: Path) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=3)

    assert start(run_dir, colours).wait(DEADLINE_S) == 0

    assert states(run_dir) == ["running", "succeeded"]
    result = run_dir.result()
    assert result is not None
    assert result["splits"]["test"]["num_examples"] == colours.num_examples["test"]
    assert {path.name for path in run_dir.model.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert run_dir.predictions_file.is_file()
    assert not run_dir.checkpoints.exists()
    keys = {key for line in run_dir.metrics() for key in line}
    assert {"train/loss", "train/learning_rate", "train/examples_per_s", "validation/loss", "validation/macro_f1"} <= keys
    losses = [line["train/epoch_loss"] for line in run_dir.metrics() if "train/epoch_loss" in line]
    assert losses == pytest.approx(KNOWN_LOSSES, rel=2e-2)
    assert tensorboard_steps(run_dir, "validation/loss") == [4, 8, 12]
    plan = next(event for event in run_dir.events() if event["kind"] == "plan")
    assert plan["total_steps"] == steps(run_dir)[-1] == 12


@pytest.mark.parametrize(("number", "state", "code"), [(signal.SIGINT, "cancelled", 130), (signal.SIGTERM, "interrupted", 143)])
def test_a_stop_keeps_what_was_learned_and_resume_goes_on_from_there(
    tmp_path: Path, colours: Dataset, tiny_model: Path, number: signal.Signals, state: str, code: int
) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=1000)
    worker = start(run_dir, colours)
    wait_until(lambda: len(steps(run_dir)) > 3)

    worker.send_signal(number)

    assert worker.wait(15) == code
    assert states(run_dir)[-1] == state
    stopped_at = max(steps(run_dir))
    resumed = start(run_dir, colours)
    wait_until(lambda: max(steps(run_dir)) > stopped_at + 20)
    resumed.send_signal(signal.SIGINT)
    assert resumed.wait(15) == 130
    resume = next(event for event in run_dir.events() if event["kind"] == "resume")
    assert resume["step"] >= stopped_at
    assert steps(run_dir) == sorted(steps(run_dir))


def test_finishing_a_stopped_run_seals_it(tmp_path: Path, colours: Dataset, tiny_model: Path) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=1000)
    worker = start(run_dir, colours)
    wait_until(lambda: len(steps(run_dir)) > 3)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(15) == 130

    assert start(run_dir, colours, "--finish").wait(DEADLINE_S) == 0

    result = run_dir.result()
    assert result is not None
    assert result["training"]["steps"] < 4000


def test_a_killed_worker_leaves_no_result_and_every_line_it_showed(tmp_path: Path, colours: Dataset, tiny_model: Path) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=1000)
    worker = start(run_dir, colours)
    wait_until(lambda: len(steps(run_dir)) > 3)
    shown = run_dir.metrics()

    os.kill(worker.pid, signal.SIGKILL)

    assert worker.wait(DEADLINE_S) == -signal.SIGKILL
    assert states(run_dir) == ["running"]
    assert run_dir.result() is None
    assert run_dir.metrics()[: len(shown)] == shown


def test_a_worker_that_waited_does_the_same_as_one_started_anew(tmp_path: Path, colours: Dataset, tiny_model: Path) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=3)
    with subprocess.Popen([sys.executable, "-m", "core.runs.worker", "--wait"], cwd=ROOT, stdin=subprocess.PIPE) as worker:
        arguments = [str(run_dir.folder), "--dataset", str(colours.folder)]
        worker.communicate(json.dumps({"arguments": arguments}).encode() + b"\n", timeout=DEADLINE_S)

    assert worker.returncode == 0
    losses = [line["train/epoch_loss"] for line in run_dir.metrics() if "train/epoch_loss" in line]
    assert losses == pytest.approx(KNOWN_LOSSES, rel=2e-2)
    assert "The worker has started." in "\n".join(run_dir.log_tail(100))


def test_a_worker_that_waited_in_vain_ends_in_peace() -> None:
    with subprocess.Popen([sys.executable, "-m", "core.runs.worker", "--wait"], cwd=ROOT, stdin=subprocess.PIPE) as worker:
        worker.communicate(timeout=DEADLINE_S)

    assert worker.returncode == 0


def test_a_run_never_has_two_workers_at_once(tmp_path: Path, colours: Dataset, tiny_model: Path) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=1)
    with run_dir.only_worker():
        command = [sys.executable, "-c", SECOND_WORKER, str(run_dir.folder), "--dataset", str(colours.folder)]
        code = subprocess.run(command, cwd=ROOT, timeout=DEADLINE_S, check=False, stdout=subprocess.DEVNULL).returncode

    assert code == ALREADY_AT_WORK
    assert run_dir.events() == []


SECOND_WORKER = """
import sys
from core.runs.worker import worker
worker.OTHER_WORKER_S = 0.1
sys.exit(worker.main(sys.argv[1:]))
"""


def test_a_failure_is_a_sentence_for_people_with_the_traceback_in_the_log_alone(
    tmp_path: Path, colours: Dataset, tiny_model: Path
) -> None:
    run_dir = new_run(tmp_path, colours, tiny_model, epochs=1)
    (colours.folder / "examples.parquet").write_bytes(b"damaged")

    assert start(run_dir, colours).wait(DEADLINE_S) == 1

    error = run_dir.error()
    assert error is not None
    assert "Traceback" not in error["message"]
    assert states(run_dir) == ["running", "failed"]
    assert "Traceback" in "\n".join(run_dir.log_tail(100))


def test_a_model_that_vanished_fails_with_advice(tmp_path: Path, colours: Dataset) -> None:
    run_dir = new_run(tmp_path, colours, tmp_path / "gone", epochs=1)

    assert start(run_dir, colours).wait(DEADLINE_S) == 1

    error = run_dir.error()
    assert error is not None
    assert "neither a folder" in error["message"]
