"""Who owns the queue: one process at a time, and the next one when it ends; no run has two workers."""

import json
import subprocess
import sys

import pytest

from core.config.settings import PROJECT_ROOT
from core.runs.process import processes
from core.runs.store.records import RunState


def test_a_second_launcher_watches_until_the_first_is_gone(workspace, launcher_with, run_config) -> None:
    first, second = launcher_with("obey"), launcher_with("obey")
    first.step()
    run = workspace.launch(run_config)

    second.step()
    assert not second.owns_queue
    assert workspace.run(run.id).state is RunState.QUEUED

    first.stop()
    second.step()
    assert second.owns_queue
    assert workspace.run(run.id).state is RunState.RUNNING


def test_a_live_worker_is_adopted_by_the_next_owner(workspace, launcher_with, run_config, step_until_ended) -> None:
    first = launcher_with("succeed-when-told")
    run = workspace.launch(run_config)
    first.step()
    worker = workspace.run(run.id).worker
    first.stop()

    second = launcher_with("fail")
    second.step()
    assert workspace.run(run.id).worker == worker
    assert processes.is_alive(worker)

    (workspace.run_dir(run.id).folder / "go").touch()
    assert step_until_ended(workspace, second, run.id) is RunState.SUCCEEDED


SERVER = """
import json, sys, time
from core.config.settings import Settings
from core.workspace.workspace import Workspace
workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": sys.argv[1]}), worker_command=json.loads(sys.argv[2]))
workspace.start_launcher()
time.sleep(60)
"""


def test_a_server_killed_outright_leaves_its_worker_to_the_next(
    workspace, launcher_with, run_config, wait_until, step_until_ended, fake_worker
) -> None:
    run = workspace.launch(run_config)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(workspace.settings.home), json.dumps(fake_worker("succeed-when-told"))],
        cwd=PROJECT_ROOT,
    )
    wait_until(lambda: workspace.run(run.id).worker is not None)
    server.kill()
    server.wait()

    scheduler = launcher_with("fail")
    scheduler.step()
    assert scheduler.owns_queue
    assert workspace.run(run.id).state is RunState.RUNNING

    (workspace.run_dir(run.id).folder / "go").touch()
    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED


def test_a_worker_whose_identity_was_never_noted_is_found_and_not_started_twice(
    workspace, launcher_with, run_config, step_until_ended
) -> None:
    first = launcher_with("succeed-when-told")
    run = workspace.launch(run_config)
    first.step()
    worker = workspace.run(run.id).worker
    first.stop()
    workspace.store._update(run.id, worker_pid=None, worker_started_at=None, worker_boot_id=None)

    second = launcher_with("fail")
    second.step()

    assert workspace.run(run.id).worker == worker
    (workspace.run_dir(run.id).folder / "go").touch()
    assert step_until_ended(workspace, second, run.id) is RunState.SUCCEEDED


def test_a_run_whose_server_died_before_its_worker_was_born_is_settled(workspace, launcher_with, run_config) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)

    launcher_with("succeed").step()

    assert workspace.run(run.id).state.is_final


def test_the_thread_starts_a_run_soon_and_brings_in_its_end(workspace, launcher_with, run_config, wait_until) -> None:
    scheduler = launcher_with("succeed")
    scheduler.start()

    run = workspace.launch(run_config)

    wait_until(lambda: workspace.run(run.id).state is RunState.SUCCEEDED)


def test_the_thread_outlives_a_round_that_fails(
    workspace, launcher_with, run_config, wait_until, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = launcher_with("succeed")
    run = workspace.launch(run_config)
    real, faults = scheduler.supervise, [OSError("the disk is full"), RuntimeError("a fault")]

    def fail_twice() -> None:
        if faults:
            raise faults.pop()
        real()

    def has_succeeded() -> bool:
        scheduler.wake()
        return workspace.run(run.id).state is RunState.SUCCEEDED

    monkeypatch.setattr(scheduler, "supervise", fail_twice)
    scheduler.start()

    wait_until(has_succeeded)


def test_stopping_the_thread_leaves_the_worker_alive(workspace, launcher_with, run_config, wait_until) -> None:
    scheduler = launcher_with("obey")
    scheduler.start()
    run = workspace.launch(run_config)
    wait_until(lambda: workspace.run(run.id).worker is not None)

    scheduler.stop()

    assert not scheduler.owns_queue
    assert processes.is_alive(workspace.run(run.id).worker)
