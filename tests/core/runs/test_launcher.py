"""The launcher: whatever workers and servers do, a run ends in a true state and no run has two workers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.config import RunConfig
from core.runs import processes
from core.runs.launcher import Launcher
from core.runs.records import RunRecord, RunState
from core.runs.stopping import StopTimes
from core.settings import PROJECT_ROOT
from core.workspace import Workspace

AT_ONCE = StopTimes(unheard_s=0.0, terminate_s=0.0, kill_s=60.0)


@pytest.fixture
def launcher_with(workspace: Workspace, fake_worker, keep_launcher) -> Callable[..., Launcher]:
    """Make a launcher whose workers behave in a certain way."""

    def make(behaviour: str, **options) -> Launcher:
        return keep_launcher(Launcher(workspace.store, workspace.settings, fake_worker(behaviour), **options))

    return make


@pytest.fixture
def start_run(workspace: Workspace, run_config: RunConfig, wait_until) -> Callable[[Launcher], RunRecord]:
    """Launch a run and wait until its worker has said that it is up."""

    def start(launcher: Launcher) -> RunRecord:
        run = workspace.launch(run_config)
        launcher.step()
        wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(run.id).events()))
        return workspace.run(run.id)

    return start


# --- ends ------------------------------------------------------------------------------------------------------------------


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
    launcher = launcher_with("obey")
    run = start_run(launcher)

    processes.send(run.worker, signal.SIGKILL)

    assert step_until_ended(workspace, launcher, run.id) is RunState.INTERRUPTED
    assert "SIGKILL" in workspace.run(run.id).message
    workspace.resume(run.id)
    launcher.stop()
    assert step_until_ended(workspace, launcher_with("succeed"), run.id) is RunState.SUCCEEDED


def test_the_machine_s_stop_is_an_interruption(workspace, launcher_with, start_run, step_until_ended) -> None:
    launcher = launcher_with("obey")
    run = start_run(launcher)

    processes.send(run.worker, signal.SIGTERM)

    assert step_until_ended(workspace, launcher, run.id) is RunState.INTERRUPTED


# --- stopping --------------------------------------------------------------------------------------------------------------


def test_a_run_asked_to_stop_ends_by_itself_and_is_cancelled(workspace, launcher_with, start_run, step_until_ended) -> None:
    launcher = launcher_with("obey")
    run = start_run(launcher)

    workspace.stop(run.id)

    assert step_until_ended(workspace, launcher, run.id) is RunState.CANCELLED
    assert workspace.run(run.id).message == "Stopped after step 3."


def test_a_worker_that_does_not_hear_is_made_to_stop(workspace, launcher_with, start_run, step_until_ended) -> None:
    launcher = launcher_with("deaf", stop_times=AT_ONCE)
    run = start_run(launcher)

    workspace.stop(run.id)

    assert step_until_ended(workspace, launcher, run.id) is RunState.CANCELLED


def test_a_worker_that_heeds_nothing_is_killed(workspace, launcher_with, start_run, step_until_ended) -> None:
    launcher = launcher_with("stone", stop_times=replace(AT_ONCE, kill_s=0.0))
    run = start_run(launcher)

    workspace.stop(run.id)

    assert step_until_ended(workspace, launcher, run.id) is RunState.CANCELLED


def test_a_worker_that_is_not_up_yet_is_not_signalled_before_it_can_hear(
    workspace, launcher_with, run_config, step_until_ended
) -> None:
    launcher = launcher_with("obey")
    run = workspace.launch(run_config)
    launcher.step()

    workspace.stop(run.id)

    assert step_until_ended(workspace, launcher, run.id) is RunState.CANCELLED
    assert workspace.run(run.id).message == "Stopped after step 3."


def test_no_signal_goes_to_a_process_that_took_the_worker_s_pid(workspace, launcher_with, run_config) -> None:
    launcher = launcher_with("succeed", stop_times=replace(AT_ONCE, kill_s=0.0))
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = processes.WorkerIdentity(pid=stranger.pid, started_at=1.0, boot_id=processes.boot_id())
    workspace.store.set_worker(run.id, identity)
    workspace.stop(run.id)

    launcher.own()
    launcher.supervise()

    assert workspace.run(run.id).state is RunState.CANCELLED
    assert stranger.poll() is None
    stranger.communicate(b"\n")
    assert stranger.returncode == 0


# --- the queue -------------------------------------------------------------------------------------------------------------


def test_runs_start_in_order_one_at_a_time(workspace, launcher_with, run_config, step_until_ended) -> None:
    launcher = launcher_with("succeed-when-told")
    first, second = (workspace.launch(run_config).id for _ in range(2))

    launcher.step()
    launcher.step()
    assert [run.id for run in workspace.store.running()] == [first]

    (workspace.run_dir(first).folder / "go").touch()
    (workspace.run_dir(second).folder / "go").touch()
    assert step_until_ended(workspace, launcher, second) is RunState.SUCCEEDED
    assert workspace.run(first).finished_at <= workspace.run(second).started_at


def test_several_runs_work_at_once_where_that_is_allowed(workspace, launcher_with, run_config) -> None:
    launcher = launcher_with("obey", max_running=2)
    for _ in range(3):
        workspace.launch(run_config)

    launcher.step()

    assert len(workspace.store.running()) == 2


def test_a_run_whose_data_set_is_gone_fails_and_the_next_one_starts(
    workspace, launcher_with, run_config, step_until_ended
) -> None:
    launcher = launcher_with("succeed")
    folder = workspace.settings.datasets_folder / run_config.data.dataset
    lost = workspace.launch(run_config)
    folder.rename(folder.with_name("elsewhere"))
    launcher.step()
    folder.with_name("elsewhere").rename(folder)

    assert workspace.run(lost.id).state is RunState.FAILED
    assert "data set of this run is gone" in workspace.run(lost.id).message
    assert step_until_ended(workspace, launcher, workspace.launch(run_config).id) is RunState.SUCCEEDED


def test_a_run_whose_folder_is_gone_fails_and_holds_nobody_up(workspace, launcher_with, run_config) -> None:
    launcher = launcher_with("obey")
    lost, sound = workspace.launch(run_config), workspace.launch(run_config)
    workspace.run_dir(lost.id).config_file.unlink()

    launcher.step()

    assert workspace.run(lost.id).state is RunState.FAILED
    assert workspace.run(sound.id).state is RunState.RUNNING


def test_a_worker_program_that_is_missing_fails_the_run(workspace, run_config) -> None:
    launcher = Launcher(workspace.store, workspace.settings, ("/nowhere/python",))
    run = workspace.launch(run_config)

    launcher.step()
    launcher.stop()

    assert workspace.run(run.id).state is RunState.FAILED
    assert "could not be started" in workspace.run(run.id).message


def test_a_fault_of_the_program_in_one_run_fails_that_run_only(
    workspace, launcher_with, run_config, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launcher_with("obey")
    broken, sound = workspace.launch(run_config), workspace.launch(run_config)
    real = Launcher._run_dir

    def fail_for_one(self: Launcher, record: RunRecord):
        if record.id == broken.id:
            raise KeyError("a fault")
        return real(self, record)

    monkeypatch.setattr(Launcher, "_run_dir", fail_for_one)
    launcher.step()

    assert workspace.run(broken.id).state is RunState.FAILED
    assert workspace.run(sound.id).state is RunState.RUNNING


# --- who owns the queue ----------------------------------------------------------------------------------------------------


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

    launcher = launcher_with("fail")
    launcher.step()
    assert launcher.owns_queue
    assert workspace.run(run.id).state is RunState.RUNNING

    (workspace.run_dir(run.id).folder / "go").touch()
    assert step_until_ended(workspace, launcher, run.id) is RunState.SUCCEEDED


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


# --- the thread ------------------------------------------------------------------------------------------------------------


def test_the_thread_starts_a_run_soon_and_brings_in_its_end(workspace, launcher_with, run_config, wait_until) -> None:
    launcher = launcher_with("succeed")
    launcher.start()

    run = workspace.launch(run_config)

    wait_until(lambda: workspace.run(run.id).state is RunState.SUCCEEDED)


def test_the_thread_outlives_a_round_that_fails(
    workspace, launcher_with, run_config, wait_until, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = launcher_with("succeed")
    run = workspace.launch(run_config)
    real, faults = launcher.supervise, [OSError("the disk is full"), RuntimeError("a fault")]

    def fail_twice() -> None:
        if faults:
            raise faults.pop()
        real()

    def has_succeeded() -> bool:
        launcher.wake()
        return workspace.run(run.id).state is RunState.SUCCEEDED

    monkeypatch.setattr(launcher, "supervise", fail_twice)
    launcher.start()

    wait_until(has_succeeded)


def test_stopping_the_thread_leaves_the_worker_alive(workspace, launcher_with, run_config, wait_until) -> None:
    launcher = launcher_with("obey")
    launcher.start()
    run = workspace.launch(run_config)
    wait_until(lambda: workspace.run(run.id).worker is not None)

    launcher.stop()

    assert not launcher.owns_queue
    assert processes.is_alive(workspace.run(run.id).worker)


# --- what a worker is given ------------------------------------------------------------------------------------------------


def test_a_worker_gets_its_folders_a_session_of_its_own_and_quiet_surroundings(
    workspace, launcher_with, run_config, step_until_ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOARD_DATABASE_URL", "postgresql://user:secret@host/db")
    monkeypatch.setattr("core.runs.neighbours.somebody_trains", lambda: False)
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


SERVER = """
import json, sys, time
from core.settings import Settings
from core.workspace import Workspace
workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": sys.argv[1]}), worker_command=json.loads(sys.argv[2]))
workspace.start_launcher()
time.sleep(60)
"""
