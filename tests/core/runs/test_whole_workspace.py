"""A workspace whose database is PostgreSQL, if it is installed: from a file to results, with the real worker."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.readers.read_table import read_table
from core.runs.recovery.rebuild import rebuild
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.warm_worker import WarmWorker
from core.runs.store.records import RunRecord, RunState
from core.training.planning.run_plan import new_run_config
from core.workspace.workspace import Workspace
from tests.core.runs.conftest import SERVERS
from tests.tiny import tiny_dataset

pytestmark = pytest.mark.training

DEADLINE_S = 120.0


@pytest.fixture
def workspace(url: str, tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "home"), "TUNEBOARD_DATABASE_URL": url}))
    yield opened
    opened.close()


@pytest.fixture
def go_on_until(workspace: Workspace) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Let a scheduler run until a condition holds; at the end, running workers are asked to stop and waited for."""
    scheduler: Scheduler = workspace.new_launcher()
    assert isinstance(scheduler.warm_worker, WarmWorker)

    def wait(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            scheduler.step()
            assert time.monotonic() < deadline, [(run.name, run.state, run.message) for run in workspace.runs()]
            time.sleep(0.05)  # between two rounds

    yield wait
    for run in workspace.store.running():
        workspace.stop(run.id)
    wait(lambda: not workspace.store.running())
    scheduler.stop()


@pytest.mark.parametrize("url", SERVERS[-1:], indirect=True)
def test_import_train_results_queue_stop_resume_and_finish(
    workspace: Workspace, go_on_until, tiny_model: Path, tmp_path: Path
) -> None:
    config = imported(workspace, tiny_model, tmp_path)

    # Queue: two wait, the later one is put first.
    workspace.desk.pause(True)
    long = workspace.launch(config.with_values({"epochs": 500}), name="long")
    short = workspace.launch(config, name="short")
    workspace.desk.move(short.id, "first")
    assert [run.name for run in workspace.queue()] == ["short", "long"]
    workspace.desk.pause(False)

    # Train, and read the results as another process sees them.
    go_on_until(lambda: workspace.run(short.id).state.is_final)
    seen = Workspace(workspace.settings)
    done = seen.run("short")
    assert done.state is RunState.SUCCEEDED, done.message
    assert done.headline is not None
    result = seen.run_dir(done.id).result()
    assert result is not None
    assert result["splits"]["test"]["num_examples"] > 0
    seen.close()

    # Stop, resume from the checkpoint, stop again, and evaluate the best checkpoint.
    stopped_at = trained_a_while_and_stopped(workspace, go_on_until, long)
    workspace.resume(long.id)
    assert trained_a_while_and_stopped(workspace, go_on_until, long) > stopped_at
    resumed = [event for event in workspace.run_dir(long.id).events() if event["kind"] == "resume"]
    assert resumed[-1]["step"] >= stopped_at
    workspace.finish(long.id)
    go_on_until(lambda: workspace.run(long.id).state.is_final)
    assert workspace.run(long.id).state is RunState.SUCCEEDED

    # What the database loses, the folders have.
    workspace.store.delete_run(short.id)
    account = rebuild(workspace.settings)
    assert (account.num_runs, account.set_aside, account.left_out) == (1, None, {})
    assert workspace.run("short").headline == pytest.approx(done.headline)


def imported(workspace: Workspace, model: Path, folder: Path) -> RunConfig:
    """A config for a data set that was imported from a file."""
    file = folder / "colours.csv"
    tiny_dataset().to_csv(file, index=False)
    table = read_table(file)
    record = workspace.save_dataset(prepare({"main": table}, guess_plan(table)), "colours")
    values = {"epochs": 2, "batch_size": 8, "device": "cpu", "precision": "float32"}
    config, _ = new_run_config(workspace.dataset(record.id), hub_folder=folder, model=str(model), values=values)
    return config


def trained_a_while_and_stopped(workspace: Workspace, go_on_until, run: RunRecord) -> int:
    """Let a run train for some epochs, then stop it; the step it reached."""
    run_dir = workspace.run_dir(run.id)
    before = len(run_dir.metrics())
    go_on_until(lambda: len(run_dir.metrics()) > before + 3)
    workspace.stop(run.id)
    go_on_until(lambda: workspace.run(run.id).state.is_final)
    assert workspace.run(run.id).state is RunState.CANCELLED
    return int(run_dir.metrics()[-1]["step"])
