"""How runs end: on their own, because of an error, or because somebody stopped them."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.config.run_config import RunConfig
from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.scheduler.scheduler import MOST_MEMORY_KILLS, Scheduler
from core.runs.scheduler.stop_escalation import StopTimes
from core.runs.store.records import RunRecord, RunState
from core.workspace.workspace import Workspace

AT_ONCE = StopTimes(unheard_s=0.0, terminate_s=0.0, kill_s=60.0)


@pytest.fixture
def start_run(workspace: Workspace, run_config: RunConfig, wait_until) -> Callable[[Scheduler], RunRecord]:
    """Launch a run and wait until its worker has said that it is up."""

    def start(scheduler: Scheduler) -> RunRecord:
        run = workspace.launch(run_config)
        scheduler.step()
        wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(run.id).events()))
        return workspace.run(run.id)

    return start


def test_a_run_that_succeeds_has_its_headline_in_the_catalogue(workspace, launcher_with, run_config, step_until_ended) -> None:
    run = workspace.launch(run_config)

    assert step_until_ended(workspace, launcher_with("succeed"), run.id) is RunState.SUCCEEDED

    run = workspace.run(run.id)
    assert (run.headline, run.message, run.worker) == (0.5, None, None)
    assert run.headline_name
    assert run.duration_s is not None


@pytest.mark.parametrize(
    ("behaviour", "state", "said"),
    [
        ("fail", RunState.FAILED, "rows of the data set have changed"),
        ("boast", RunState.FAILED, "result.json"),
        ("break-at-once", RunState.FAILED, "No module named 'torch'"),
        ("die", RunState.INTERRUPTED, "exit code 3"),
    ],
)
def test_a_run_that_goes_wrong_says_how(
    workspace, launcher_with, run_config, step_until_ended, behaviour: str, state: RunState, said: str
) -> None:
    run = workspace.launch(run_config)

    assert step_until_ended(workspace, launcher_with(behaviour), run.id) is state
    assert said in workspace.run(run.id).message


def test_a_killed_worker_leaves_an_interrupted_run_that_can_be_resumed(
    workspace, launcher_with, start_run, step_until_ended
) -> None:
    scheduler = launcher_with("obey")
    run = start_run(scheduler)

    processes.send(run.worker, signal.SIGKILL)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.INTERRUPTED
    assert "SIGKILL" in workspace.run(run.id).message
    workspace.resume(run.id)
    scheduler.stop()
    assert step_until_ended(workspace, launcher_with("succeed"), run.id) is RunState.SUCCEEDED


def test_the_machine_s_stop_is_an_interruption(workspace, launcher_with, start_run, step_until_ended) -> None:
    scheduler = launcher_with("obey")
    run = start_run(scheduler)

    processes.send(run.worker, signal.SIGTERM)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.INTERRUPTED


def test_a_run_asked_to_stop_ends_by_itself_and_is_cancelled(workspace, launcher_with, start_run, step_until_ended) -> None:
    scheduler = launcher_with("obey")
    run = start_run(scheduler)

    workspace.stop(run.id)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.CANCELLED
    assert workspace.run(run.id).message == "Stopped after step 3."


def test_a_worker_that_does_not_hear_is_made_to_stop(workspace, launcher_with, start_run, step_until_ended) -> None:
    scheduler = launcher_with("deaf", stop_times=AT_ONCE)
    run = start_run(scheduler)

    workspace.stop(run.id)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.CANCELLED


def test_a_worker_that_heeds_nothing_is_killed(workspace, launcher_with, start_run, step_until_ended) -> None:
    scheduler = launcher_with("stone", stop_times=replace(AT_ONCE, kill_s=0.0))
    run = start_run(scheduler)

    workspace.stop(run.id)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.CANCELLED


def test_a_worker_that_is_not_up_yet_is_not_signalled_before_it_can_hear(
    workspace, launcher_with, run_config, step_until_ended
) -> None:
    scheduler = launcher_with("obey")
    run = workspace.launch(run_config)
    scheduler.step()

    workspace.stop(run.id)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.CANCELLED
    assert workspace.run(run.id).message == "Stopped after step 3."


def test_no_signal_goes_to_a_process_that_took_the_worker_s_pid(workspace, launcher_with, run_config) -> None:
    scheduler = launcher_with("succeed", stop_times=replace(AT_ONCE, kill_s=0.0))
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = processes.WorkerIdentity(pid=stranger.pid, started_at=1.0, boot_id=processes.boot_id())
    workspace.store.set_worker(run.id, identity)
    workspace.stop(run.id)

    scheduler.own()
    scheduler.supervise()

    assert workspace.run(run.id).state is RunState.CANCELLED
    assert stranger.poll() is None
    stranger.communicate(b"\n")
    assert stranger.returncode == 0


def step_until(scheduler: Scheduler, workspace: Workspace, run_id: str, wait_until, state: RunState) -> None:
    def reached() -> bool:
        scheduler.step()
        return workspace.run(run_id).state is state

    wait_until(reached)


def test_a_run_killed_for_want_of_memory_goes_on_by_itself_and_notes_it(workspace, launcher_with, run_config, wait_until) -> None:
    run = workspace.launch(run_config)
    behind = workspace.launch(run_config)
    run_dir = workspace.run_dir(run.id)
    (run_dir.folder / "deaths").write_text("2")
    (workspace.run_dir(behind.id).folder / "deaths").write_text("0")

    step_until(launcher_with("die-of-memory"), workspace, run.id, wait_until, RunState.SUCCEEDED)

    assert run_dir.memory_kills() == 2
    states = [event["state"] for event in run_dir.events() if event["kind"] == "state"]
    assert states == ["running", "running", "running", "succeeded"]
    started = workspace.run(behind.id).started_at
    assert started is None or started > workspace.run(run.id).started_at  # it has waited for the last attempt


def test_a_run_that_is_killed_for_want_of_memory_again_and_again_is_left_to_a_person(
    workspace, launcher_with, run_config, wait_until
) -> None:
    run = workspace.launch(run_config)
    run_dir = workspace.run_dir(run.id)
    (run_dir.folder / "deaths").write_text("99")

    step_until(launcher_with("die-of-memory"), workspace, run.id, wait_until, RunState.INTERRUPTED)

    assert 99 - int((run_dir.folder / "deaths").read_text()) == MOST_MEMORY_KILLS + 1
    assert "ran out of memory" in workspace.run(run.id).message
    assert "smaller" in workspace.run(run.id).message


def test_a_run_whose_folder_cannot_be_noted_in_does_not_go_on_for_ever(
    workspace, launcher_with, run_config, wait_until, monkeypatch
) -> None:
    run = workspace.launch(run_config)
    (workspace.run_dir(run.id).folder / "deaths").write_text("99")
    monkeypatch.setattr(RunDir, "note_about", lambda *_, **__: None)

    step_until(launcher_with("die-of-memory"), workspace, run.id, wait_until, RunState.INTERRUPTED)

    assert (workspace.run_dir(run.id).folder / "deaths").read_text() == "98"
