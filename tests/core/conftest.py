"""A workspace with a small data set, and fake workers, for tests above single modules."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.cli import main
from core.config.run_config import DataConfig, RunConfig
from core.config.settings import Settings
from core.datasets.dataset import write_dataset
from core.runs.process import processes
from core.runs.scheduler.scheduler import Scheduler
from core.runs.store.records import DatasetRecord, RunState
from core.workspace.workspace import Workspace

FAKE_WORKER = Path(__file__).parent / "runs" / "fake_worker.py"
DATASET_ID = "20260101-000000-aaaaa"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "home")})


@pytest.fixture
def fake_worker() -> Callable[[str], tuple[str, ...]]:
    """A worker command; the behaviours are defined in ``fake_worker.py``."""
    return lambda behaviour: (sys.executable, str(FAKE_WORKER), behaviour)


@pytest.fixture
def open_workspace(settings: Settings, fake_worker: Callable[[str], tuple[str, ...]]) -> Iterator[Callable[[str], Workspace]]:
    """Open the workspace once more, as another process would, with workers of a certain behaviour."""
    opened = []

    def open_one(behaviour: str = "succeed") -> Workspace:
        opened.append(Workspace(settings, worker_command=fake_worker(behaviour)))
        return opened[-1]

    yield open_one
    for workspace in opened:
        workspace.close()


@pytest.fixture
def command(
    settings: Settings, fake_worker: Callable[[str], tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a command with ``--json``: its exit code and its one JSON object."""

    def run(*words: str, behaviour: str = "succeed") -> tuple[int, dict[str, Any]]:
        code = main([*words, "--json"], settings=settings, worker_command=fake_worker(behaviour))
        (line,) = capsys.readouterr().out.splitlines()
        return code, json.loads(line)

    return run


@pytest.fixture
def add_dataset(settings: Settings) -> Callable[..., DatasetRecord]:
    """Put a data set of four rows into a workspace, without reading a file."""

    def add(workspace: Workspace, dataset_id: str = DATASET_ID, name: str = "tickets") -> DatasetRecord:
        rows = {"id": range(4), "split": ["train", "train", "validation", "test"], "record": range(1, 5), "text": list("abcd")}
        counts = {"train": 2, "validation": 1, "test": 1}
        write_dataset(
            settings.datasets_folder / dataset_id,
            pd.DataFrame({**rows, "label": ["x", "y", "x", "y"]}),
            {
                "id": dataset_id,
                "task": "single_label",
                "labels": ["x", "y"],
                "num_examples": counts,
                "label_counts": {split: {"x": 1, "y": 1} for split in counts},
                "content_hash": "c" * 64,
                "test_hash": "t" * 64,
                "splitting": {},
                "source": {},
                "notes": [],
            },
        )
        return workspace.store.add_dataset(
            DatasetRecord(
                id=dataset_id,
                name=name,
                task="single_label",
                num_examples=4,
                num_labels=2,
                content_hash="c" * 64,
                created_at=datetime.now(UTC),
            )
        )

    return add


@pytest.fixture
def workspace(open_workspace: Callable[..., Workspace], add_dataset: Callable[..., DatasetRecord]) -> Workspace:
    """A workspace with one data set."""
    workspace = open_workspace()
    add_dataset(workspace)
    return workspace


@pytest.fixture
def keep_scheduler(workspace: Workspace, wait_until: Callable[..., None]) -> Iterator[Callable[[Scheduler], Scheduler]]:
    """Hand over a scheduler to be stopped when the test is over; workers that still run then are killed."""
    kept: list[Scheduler] = []

    def keep(scheduler: Scheduler) -> Scheduler:
        kept.append(scheduler)
        return scheduler

    yield keep
    for scheduler in kept:
        scheduler.stop()
    for record in workspace.store.running():
        if record.worker is not None:
            processes.send(record.worker, signal.SIGKILL)
            wait_until(lambda worker=record.worker: not processes.is_alive(worker))


@pytest.fixture
def launcher_with(workspace: Workspace, fake_worker, keep_scheduler) -> Callable[..., Scheduler]:
    """Make a scheduler whose workers behave in a certain way."""

    def make(behaviour: str, **options) -> Scheduler:
        return keep_scheduler(Scheduler(workspace.store, workspace.settings, fake_worker(behaviour), **options))

    return make


@pytest.fixture
def run_config() -> RunConfig:
    """A config for the data set that ``add_dataset`` makes."""
    return RunConfig(data=DataConfig(dataset=DATASET_ID, dataset_hash="c" * 64, task="single_label"))


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition, and fail if it has not come about in time."""

    def wait(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come about in time"
            time.sleep(0.01)  # polling interval

    return wait


@pytest.fixture
def step_until_ended(wait_until: Callable[..., None]) -> Callable[..., None]:
    """Let a scheduler run until a run has ended."""

    def go(workspace: Workspace, scheduler, run_id: str) -> RunState:
        def has_ended() -> bool:
            scheduler.step()
            return workspace.run(run_id).state.is_final

        wait_until(has_ended)
        return workspace.run(run_id).state

    return go
