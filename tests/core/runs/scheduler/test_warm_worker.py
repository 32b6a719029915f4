"""The warm worker: it becomes the worker of a run with all guarantees of a worker, and nothing depends on it before."""

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from core.config.run_config import RunConfig
from core.config.settings import PROJECT_ROOT
from core.runs.process import processes
from core.runs.scheduler import warm_worker
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.warm_worker import WarmWorker
from core.runs.store.records import RunState, WorkerIdentity
from core.workspace.workspace import Workspace


@pytest.fixture
def launcher_with(workspace: Workspace, fake_worker, keep_scheduler) -> Callable[..., Scheduler]:
    """Make a scheduler that keeps a warm worker as soon as there is a visitor."""

    def make(behaviour: str, *, idle_s: float = 60.0, **settings) -> Scheduler:
        command = fake_worker(behaviour)
        chosen = dataclasses.replace(workspace.settings, **settings)
        return keep_scheduler(
            Scheduler(workspace.store, chosen, command, warm_worker=WarmWorker(command, delay_s=0.0, idle_s=idle_s))
        )

    return make


def waiting_worker(scheduler: Scheduler) -> WorkerIdentity:
    scheduler.expect_launch()
    scheduler.step()
    assert scheduler.warm_worker.worker is not None
    return scheduler.warm_worker.worker


def test_the_waiting_worker_becomes_the_worker_of_the_next_run(workspace, launcher_with, run_config, step_until_ended) -> None:
    scheduler = launcher_with("show-surroundings")
    waiting = waiting_worker(scheduler)

    run = workspace.launch(run_config)
    scheduler.step()

    assert workspace.run(run.id).worker == waiting
    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED
    run_dir = workspace.run_dir(run.id)
    given = json.loads((run_dir.folder / "surroundings.json").read_text())
    assert given["arguments"] == [str(run_dir.folder), "--dataset", str(workspace.dataset(run.dataset_id).folder)]
    assert given["environment"]["HF_HUB_OFFLINE"] == "1"


def test_without_a_visitor_nothing_waits(launcher_with) -> None:
    scheduler = launcher_with("succeed")

    scheduler.step()

    assert scheduler.warm_worker.worker is None


def test_where_it_is_switched_off_nothing_waits(launcher_with) -> None:
    scheduler = launcher_with("succeed", resident_worker=0)

    scheduler.expect_launch()
    scheduler.step()

    assert scheduler.warm_worker.worker is None


def test_one_that_waits_is_given_up_when_nobody_has_come_for_long(launcher_with, wait_until) -> None:
    scheduler = launcher_with("succeed", idle_s=0.2)
    waiting = waiting_worker(scheduler)

    def is_given_up() -> bool:
        scheduler.step()
        return scheduler.warm_worker.worker is None

    wait_until(is_given_up)
    assert not processes.is_alive(waiting)


def test_one_that_waits_is_given_up_when_memory_is_short(launcher_with, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = launcher_with("succeed")
    waiting = waiting_worker(scheduler)

    monkeypatch.setattr(warm_worker, "available_mib", lambda: warm_worker.MEMORY_FLOOR_MIB - 1)
    scheduler.step()

    assert not processes.is_alive(waiting)
    assert scheduler.warm_worker.worker is None


@pytest.mark.parametrize("change", ["code", "settings"])
def test_one_of_earlier_code_or_settings_is_not_used(
    workspace, launcher_with, run_config, step_until_ended, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    scheduler = launcher_with("succeed")
    waiting = waiting_worker(scheduler)
    if change == "code":
        monkeypatch.setattr(warm_worker, "_age_of_code", lambda: 0.0)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")

    run = workspace.launch(run_config)
    scheduler.step()

    assert workspace.run(run.id).worker != waiting
    assert not processes.is_alive(waiting)
    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED


def test_a_run_that_may_use_the_hub_gets_a_worker_of_its_own(
    workspace, launcher_with, run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    scheduler = launcher_with("obey")
    waiting = waiting_worker(scheduler)

    run = workspace.launch(run_config.with_values({"model.model": "google-bert/bert-base-uncased"}))
    scheduler.step()

    assert workspace.run(run.id).worker != waiting


def test_one_that_was_killed_while_it_waited_costs_no_run(workspace, launcher_with, run_config, step_until_ended) -> None:
    scheduler = launcher_with("succeed")
    processes.send(waiting_worker(scheduler), signal.SIGKILL)

    run = workspace.launch(run_config)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED


def test_one_that_dies_just_before_it_is_told_is_replaced_by_a_new_worker(
    workspace, launcher_with, run_config, step_until_ended, wait_until, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = launcher_with("succeed")
    waiting = waiting_worker(scheduler)
    real = processes.hand_over

    def die_first(worker: WorkerIdentity, line: str) -> bool:
        processes.send(worker, signal.SIGKILL)
        wait_until(lambda: not processes.is_alive(worker))
        return real(worker, line)

    monkeypatch.setattr(processes, "hand_over", die_first)
    run = workspace.launch(run_config)
    scheduler.step()

    assert workspace.run(run.id).worker != waiting
    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED


def test_one_that_cannot_wait_is_not_started_again_and_again(
    workspace, launcher_with, run_config, wait_until, step_until_ended
) -> None:
    scheduler = launcher_with("cannot-wait")
    waiting = waiting_worker(scheduler)
    wait_until(lambda: not processes.is_alive(waiting))

    for _ in range(3):
        scheduler.expect_launch()
        scheduler.step()

    assert scheduler.warm_worker.worker is None
    assert step_until_ended(workspace, scheduler, workspace.launch(run_config).id) is RunState.SUCCEEDED


def test_while_a_run_works_no_other_worker_is_made_to_wait(workspace, launcher_with, run_config) -> None:
    scheduler = launcher_with("obey")
    waiting_worker(scheduler)
    workspace.launch(run_config)

    for _ in range(3):
        scheduler.expect_launch()
        scheduler.step()

    assert len(workspace.store.running()) == 1
    assert scheduler.warm_worker.worker is None


def test_who_loses_the_queue_dismisses_the_one_that_waits(launcher_with) -> None:
    scheduler = launcher_with("succeed")
    waiting = waiting_worker(scheduler)

    scheduler.disown()

    assert not processes.is_alive(waiting)


def test_one_that_waits_ends_when_its_server_is_killed(workspace, fake_worker, wait_until) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(workspace.settings.home), json.dumps(fake_worker("obey"))],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        waiting = WorkerIdentity(**json.loads(server.stdout.readline()))
        assert processes.is_alive(waiting)

        server.kill()

    wait_until(lambda: not processes.is_alive(waiting))


def test_one_that_was_told_its_run_outlives_its_server(
    workspace, launcher_with, run_config, fake_worker, wait_until, step_until_ended
) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(workspace.settings.home), json.dumps(fake_worker("succeed-when-told"))],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        waiting = WorkerIdentity(**json.loads(server.stdout.readline()))
        run = workspace.launch(run_config)
        # A recorded worker is not enough: it gets its run only after that.
        wait_until((workspace.run_dir(run.id).folder / "begun").exists)

        server.kill()

    scheduler = launcher_with("fail")
    scheduler.step()
    assert workspace.run(run.id).worker == waiting
    (workspace.run_dir(run.id).folder / "go").touch()
    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED


SERVER = """
import dataclasses, json, sys, time
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.warm_worker import WarmWorker
from core.config.settings import Settings
from core.workspace.workspace import Workspace
workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": sys.argv[1]}))
command = json.loads(sys.argv[2])
scheduler = Scheduler(workspace.store, workspace.settings, command, warm_worker=WarmWorker(command, delay_s=0.0))
scheduler.expect_launch()
scheduler.step()
print(json.dumps(dataclasses.asdict(scheduler.warm_worker.worker)), flush=True)
while True:
    scheduler.step()
    time.sleep(0.05)
"""


def test_the_hours_a_worker_waited_do_not_count_as_hours_of_its_run(
    workspace, launcher_with, run_config, wait_until, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = launcher_with("obey", max_run_hours=1)
    waiting_worker(scheduler)
    sent: list[signal.Signals] = []
    with monkeypatch.context() as patched:
        patched.setattr(processes, "age_s", lambda _: 2 * 3600.0 + 60)
        patched.setattr(processes, "send", lambda _, number: sent.append(number))
        run = workspace.launch(run_config)
        scheduler.step()

        scheduler.step()  # the worker may not have said yet that it is up
        wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(run.id).events()))
        scheduler.step()

        assert sent == []

        later = processes.clock_s() + 3601.0
        patched.setattr(processes, "clock_s", lambda: later)
        scheduler.step()

        assert sent == [signal.SIGTERM]
