"""What happens to servers and queues, and what must be true of the runs afterwards."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from core.config.settings import PROJECT_ROOT
from core.runs.process import processes
from core.runs.scheduler.scheduler import Scheduler
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace

SERVER = """
import json, sys, time
from core.config.settings import Settings
from core.workspace.workspace import Workspace
workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": sys.argv[1]}), worker_command=json.loads(sys.argv[2]))
scheduler = workspace.start_launcher()
while not scheduler.owns_queue:
    time.sleep(0.01)
print("up", flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def server(workspace: Workspace, command: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", SERVER, str(workspace.settings.home), json.dumps(command)]
    with subprocess.Popen(words, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def test_servers_killed_again_and_again_never_cost_or_double_a_worker(
    workspace, run_config, fake_worker, wait_until, launcher_with, step_until_ended
) -> None:
    command = fake_worker("succeed-when-told")
    run = workspace.launch(run_config)
    seen = set()
    for _ in range(3):
        with server(workspace, command):
            wait_until(lambda: workspace.run(run.id).worker is not None)
            seen.add(workspace.run(run.id).worker)

    assert len(seen) == 1
    (workspace.run_dir(run.id).folder / "go").touch()
    assert step_until_ended(workspace, launcher_with("fail"), run.id) is RunState.SUCCEEDED


def test_a_second_server_watches_and_takes_over_when_the_first_is_killed(workspace, run_config, fake_worker, wait_until) -> None:
    with server(workspace, fake_worker("succeed")) as first:
        second = workspace.start_launcher()
        wait_until(lambda: workspace.desk.watches())
        first.kill()
        run = workspace.launch(run_config)

        wait_until(lambda: workspace.run(run.id).state is RunState.SUCCEEDED)

    assert second.owns_queue
    assert not workspace.desk.watches()


def test_a_killed_worker_is_shown_as_interrupted_within_ten_seconds(workspace, run_config, fake_worker, wait_until) -> None:
    run = workspace.launch(run_config)
    scheduler = Scheduler(workspace.store, workspace.settings, fake_worker("obey"))
    scheduler.start()
    wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(run.id).events()))
    began = time.monotonic()

    processes.send(workspace.run(run.id).worker, signal.SIGKILL)

    wait_until(lambda: workspace.run(run.id).state is RunState.INTERRUPTED)
    scheduler.stop()
    assert time.monotonic() - began < 10
    assert "SIGKILL" in workspace.run(run.id).message


def test_two_hundred_waiting_runs_keep_their_order_and_failures_stop_nobody(workspace, run_config) -> None:
    runs = [workspace.launch(run_config).id for _ in range(200)]
    for run in runs[::7]:
        workspace.run_dir(run).config_file.unlink()  # these cannot start
    scheduler = Scheduler(workspace.store, workspace.settings, ("/nowhere/python",))  # and of these the worker cannot

    assert [run.id for run in workspace.queue()] == runs
    scheduler.step()
    scheduler.stop()

    ended = sorted((workspace.run(run) for run in runs), key=lambda run: run.finished_at)
    assert {run.state for run in ended} == {RunState.FAILED}
    assert [run.id for run in ended] == runs
