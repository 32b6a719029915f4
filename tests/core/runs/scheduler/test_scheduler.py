"""The scheduler: which runs it starts, what blocks it and what does not, and what a worker is given."""

import json
import os

import pytest

from core.config.settings import PROJECT_ROOT
from core.runs.scheduler.scheduler import Scheduler
from core.runs.store.records import RunRecord, RunState


def test_runs_start_in_order_one_at_a_time(workspace, launcher_with, run_config, step_until_ended) -> None:
    scheduler = launcher_with("succeed-when-told")
    first, second = (workspace.launch(run_config).id for _ in range(2))

    scheduler.step()
    scheduler.step()
    assert [run.id for run in workspace.store.running()] == [first]

    (workspace.run_dir(first).folder / "go").touch()
    (workspace.run_dir(second).folder / "go").touch()
    assert step_until_ended(workspace, scheduler, second) is RunState.SUCCEEDED
    assert workspace.run(first).finished_at <= workspace.run(second).started_at


def test_several_runs_work_at_once_where_that_is_allowed(workspace, launcher_with, run_config) -> None:
    scheduler = launcher_with("obey", max_running=2)
    for _ in range(3):
        workspace.launch(run_config)

    scheduler.step()

    assert len(workspace.store.running()) == 2


def test_a_run_whose_data_set_is_gone_fails_and_the_next_one_starts(
    workspace, launcher_with, run_config, step_until_ended
) -> None:
    scheduler = launcher_with("succeed")
    folder = workspace.settings.datasets_folder / run_config.data.dataset
    lost = workspace.launch(run_config)
    folder.rename(folder.with_name("elsewhere"))
    scheduler.step()
    folder.with_name("elsewhere").rename(folder)

    assert workspace.run(lost.id).state is RunState.FAILED
    assert "data set of this run is missing" in workspace.run(lost.id).message
    assert step_until_ended(workspace, scheduler, workspace.launch(run_config).id) is RunState.SUCCEEDED


def test_a_run_whose_folder_is_gone_fails_and_holds_nobody_up(workspace, launcher_with, run_config) -> None:
    scheduler = launcher_with("obey")
    lost, sound = workspace.launch(run_config), workspace.launch(run_config)
    workspace.run_dir(lost.id).config_file.unlink()

    scheduler.step()

    assert workspace.run(lost.id).state is RunState.FAILED
    assert workspace.run(sound.id).state is RunState.RUNNING


def test_a_worker_program_that_is_missing_fails_the_run(workspace, run_config) -> None:
    scheduler = Scheduler(workspace.store, workspace.settings, ("/nowhere/python",))
    run = workspace.launch(run_config)

    scheduler.step()
    scheduler.stop()

    assert workspace.run(run.id).state is RunState.FAILED
    assert "could not be started" in workspace.run(run.id).message


def test_a_fault_of_the_program_in_one_run_fails_that_run_only(
    workspace, launcher_with, run_config, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = launcher_with("obey")
    broken, sound = workspace.launch(run_config), workspace.launch(run_config)
    real = Scheduler._run_dir

    def fail_for_one(self: Scheduler, record: RunRecord):
        if record.id == broken.id:
            raise KeyError("a fault")
        return real(self, record)

    monkeypatch.setattr(Scheduler, "_run_dir", fail_for_one)
    scheduler.step()

    assert workspace.run(broken.id).state is RunState.FAILED
    assert workspace.run(sound.id).state is RunState.RUNNING


def test_a_worker_gets_its_folders_a_session_of_its_own_and_quiet_surroundings(
    workspace, launcher_with, run_config, step_until_ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOARD_DATABASE_URL", "postgresql://user:secret@host/db")
    monkeypatch.setattr("core.runs.process.other_trainers.somebody_trains", lambda: False)
    run = workspace.launch(run_config)
    step_until_ended(workspace, launcher_with("show-surroundings"), run.id)

    run_dir = workspace.run_dir(run.id)
    given = json.loads((run_dir.folder / "surroundings.json").read_text())
    assert given["arguments"] == [str(run_dir.folder), "--dataset", str(workspace.dataset(run.dataset_id).folder)]
    assert given["folder"] == str(PROJECT_ROOT)
    assert given["session"] != os.getsid(0)
    environment = given["environment"]
    assert environment["OMP_WAIT_POLICY"] == "ACTIVE"  # alone on the machine; several at once let each other work
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["TUNEBOARD_HOME"] == str(workspace.settings.home)
    assert "TUNEBOARD_DATABASE_URL" not in environment


def test_a_run_that_is_to_finish_early_tells_its_worker(workspace, launcher_with, run_config, step_until_ended) -> None:
    run = workspace.launch(run_config)
    workspace.stop(run.id)
    workspace.store.requeue(run.id, finish_early=True)

    step_until_ended(workspace, launcher_with("show-surroundings"), run.id)

    assert json.loads((workspace.run_dir(run.id).folder / "surroundings.json").read_text())["arguments"][-1] == "--finish"
