"""A worker that dies, or finds the disk full, at any write: nothing half-written, nothing lost, and one resume continues."""

import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file

from core.config.run_config import ComputeConfig, DataConfig, HeadConfig, ModelConfig, OptimizerConfig, RunConfig, TrainingConfig
from core.datasets.dataset import Dataset
from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.process.exit_status import read_ending
from core.runs.store.records import RunRecord, RunState, WorkerIdentity
from core.runs.worker.preload import preload
from core.training.checkpoint.manager import Checkpoints, _verified_progress
from core.training.planning.machine_pace import keep_pace
from core.training.planning.pace_benchmark import rehearse
from tests.faults.breaking import Kind, run_worker, start_worker
from tests.tiny import tiny_dataset, write_tiny_dataset

SIDE_BY_SIDE = 2
"""Workers at a time."""

EVERY = 6
"""The sites are shared out, so that a failure names its neighbourhood."""


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "colours", tiny_dataset(32))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a measurement of the machine's speed, which each of some hundred workers would take two seconds for."""
    folder = tmp_path_factory.mktemp("home")
    keep_pace(folder, rehearse(threads=1, each_s=0.01))
    return folder


@pytest.fixture(autouse=True)
def _the_pace_is_known(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("TUNEBOARD_HOME", str(home))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, colours: Dataset, tiny_model: Path) -> tuple[RunDir, int]:
    """A run in which nothing broke, and how many write sites it has."""
    preload()  # what is loaded here need not be loaded by every worker that is forked
    run_dir = new_run(tmp_path_factory.mktemp("unbroken"), colours, tiny_model)
    code, count = run_worker(run_dir, colours)
    assert code == 0, (run_dir.folder.parent / "worker-output.log").read_text()[-2000:]
    assert count > 30
    return run_dir, count


def new_run(folder: Path, dataset: Dataset, model: Path) -> RunDir:
    config = RunConfig(
        data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task),
        model=ModelConfig(model=str(model)),
        head=HeadConfig(dropout=0.0),
        optimizer=OptimizerConfig(learning_rate=5e-3),
        training=TrainingConfig(epochs=2, batch_size=8),
        compute=ComputeConfig(precision="float32", device="cpu"),
    )
    run_dir = RunDir(folder / "run")
    run_dir.create(config)
    return run_dir


def ending_of(run_dir: RunDir, code: int) -> tuple[RunState, str]:
    """The message about a run whose worker ended with this exit code."""
    pids = [event["pid"] for event in run_dir.events() if event["kind"] == "state"]
    worker = WorkerIdentity(pid=pids[-1], started_at=1.0, boot_id=processes.boot_id()) if pids else None
    record = RunRecord(
        id="r",
        name="r",
        dataset_id="d",
        task="single_label",
        model="m",
        recipe="automatic",
        state=RunState.RUNNING,
        created_at=pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime(),
        worker=worker,
    )
    ending = read_ending(record, run_dir, code)
    return ending.state, ending.message or ""


def check_nothing_is_half(run_dir: RunDir) -> None:
    """Whatever lies under a final name is whole."""
    assert run_dir.config().training.epochs == 2
    for file in (run_dir.result_file, run_dir.error_file, run_dir.about_file):
        assert not file.exists() or file.read_text().endswith("}")
    for checkpoint in run_dir.checkpoints.glob("step-*"):
        assert _verified_progress(checkpoint) is not None, f"{checkpoint.name} is damaged"
    if run_dir.predictions_file.exists():
        pd.read_parquet(run_dir.predictions_file)
    if run_dir.model.exists():
        load_file(run_dir.model / "model.safetensors")
        assert (run_dir.model / "tokenizer.json").read_text().rstrip().endswith("}")
        assert (run_dir.model / "config.json").read_text().rstrip().endswith("}")


def check_that_it_carries_on(run_dir: RunDir, dataset: Dataset, unbroken: RunDir, what: str) -> None:
    """Resume ends in the same result as if nothing had happened, and every point shown before is still there."""
    shown = run_dir.metrics()
    check_that_it_carried_on(run_dir, shown, run_worker(run_dir, dataset)[0], unbroken, what)


def check_that_it_carried_on(run_dir: RunDir, shown: list[dict[str, Any]], code: int, unbroken: RunDir, what: str) -> None:
    """The same, of a worker that has ended with this exit code; ``shown`` is what could be seen before."""
    assert code == 0, f"{what}: {(run_dir.folder.parent / 'worker-output.log').read_text()[-2000:]}"
    assert run_dir.metrics()[: len(shown)] == shown, what
    result, expected = run_dir.result(), unbroken.result()
    assert result is not None
    assert expected is not None
    assert result["splits"]["test"]["loss"] == pytest.approx(expected["splits"]["test"]["loss"], rel=1e-4), what
    assert result["training"]["steps"] == expected["training"]["steps"]
    check_nothing_is_half(run_dir)


@pytest.mark.parametrize("first", range(1, EVERY + 1))
@pytest.mark.parametrize("kind", ["kill", "full once"])
def test_a_worker_that_breaks_at_any_write_leaves_a_true_state_and_carries_on(
    tmp_path: Path, colours: Dataset, tiny_model: Path, unbroken: tuple[RunDir, int], first: int, kind: Kind
) -> None:
    complete, count = unbroken
    sites = list(range(first, count + 1, EVERY))
    for some in (sites[i : i + SIDE_BY_SIDE] for i in range(0, len(sites), SIDE_BY_SIDE)):
        run_dirs = {at: new_run(tmp_path / str(at), colours, tiny_model) for at in some}
        broken = {at: start_worker(run_dir, colours, at=at, kind=kind) for at, run_dir in run_dirs.items()}
        ended_well = {at: _check_the_truth(run_dirs[at], forked.wait()[0], kind, at) for at, forked in broken.items()}
        # Where nothing could be written once, resuming is the same as after a kill; a sample of it is enough.
        left = [at for at in some if not ended_well[at] and (kind == "kill" or at % 4 == 0)]
        shown = {at: run_dirs[at].metrics() for at in left}
        resumed = {at: start_worker(run_dirs[at], colours) for at in left}
        for at, forked in resumed.items():
            check_that_it_carried_on(run_dirs[at], shown[at], forked.wait()[0], complete, f"{kind} at write {at} of {count}")


def _check_the_truth(run_dir: RunDir, code: int, kind: Kind, at: int) -> bool:
    """The message about a run that broke is what happened; whether it has succeeded anyway."""
    what = f"{kind} at write {at}"
    check_nothing_is_half(run_dir)
    state, message = ending_of(run_dir, code)
    if state is RunState.SUCCEEDED:  # everything was there already, or what failed is a convenience
        assert run_dir.result() is not None, what
        return True
    expected, said = (RunState.INTERRUPTED, "SIGKILL") if kind == "kill" else (RunState.FAILED, "not enough disk space")
    assert state is expected, (what, message)
    assert said in message, (what, message)
    assert (code == -signal.SIGKILL) == (kind == "kill"), what
    return False


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.9])
def test_a_disk_that_stays_full_keeps_what_was_there_and_the_cause(
    tmp_path: Path, colours: Dataset, tiny_model: Path, unbroken: tuple[RunDir, int], share: float
) -> None:
    complete, count = unbroken
    run_dir = new_run(tmp_path, colours, tiny_model)
    at = max(1, round(share * count))

    code, _ = run_worker(run_dir, colours, at=at, kind="full from then on")

    check_nothing_is_half(run_dir)
    state, message = ending_of(run_dir, code)
    assert state is RunState.FAILED
    assert "not enough disk space" in message
    check_that_it_carries_on(run_dir, colours, complete, f"full from write {at} on")


@pytest.mark.parametrize("limit", [0, 500, 3_000, 20_000, 60_000, 120_000])
def test_a_file_that_may_not_grow_further_is_never_left_half_written(
    tmp_path: Path, colours: Dataset, tiny_model: Path, unbroken: tuple[RunDir, int], limit: int
) -> None:
    """The system itself refuses to write beyond a size, in the middle of whatever is being written, C++ and Rust included."""
    complete, _ = unbroken
    run_dir = new_run(tmp_path, colours, tiny_model)

    code, _ = run_worker(run_dir, colours, limit=limit)

    check_nothing_is_half(run_dir)
    state, message = ending_of(run_dir, code)
    assert state is RunState.FAILED
    assert "not enough disk space" in message
    check_that_it_carries_on(run_dir, colours, complete, f"limit {limit}")


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    tmp_path: Path, colours: Dataset, tiny_model: Path, unbroken: tuple[RunDir, int]
) -> None:
    complete, count = unbroken
    run_dir = new_run(tmp_path, colours, tiny_model)
    at = count
    while len(list(run_dir.checkpoints.glob("step-*"))) < 2:  # break late enough for two checkpoints
        at -= 1
        run_dir = new_run(tmp_path / str(at), colours, tiny_model)
        run_worker(run_dir, colours, at=at)
    before, last = sorted(run_dir.checkpoints.glob("step-*"))
    with (last / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        weights.write(b"\xff")

    assert Checkpoints(run_dir.checkpoints).latest() is not None
    check_that_it_carries_on(run_dir, colours, complete, "damaged checkpoint")

    events = run_dir.events()
    assert any("is damaged and was skipped; the one before it is used" in event["message"] for event in events)
    resumed = next(event for event in reversed(events) if event["kind"] == "resume")
    assert resumed["step"] == int(before.name.removeprefix("step-"))
