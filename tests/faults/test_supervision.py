"""What happens to machines and servers, and what must be true of the runs afterwards."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.config import RunConfig
from core.errors import UserError
from core.runs import database, processes
from core.runs.launcher import Launcher
from core.runs.memory import OomKills, available_mib, oom_kills
from core.runs.rebuilding import rebuild
from core.runs.records import RunState, WorkerIdentity
from core.runs.run_dir import LineReader, RunDir
from core.settings import PROJECT_ROOT, Settings
from core.workspace import Workspace

SERVER = """
import json, sys, time
from core.settings import Settings
from core.workspace import Workspace
workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": sys.argv[1]}), worker_command=json.loads(sys.argv[2]))
launcher = workspace.start_launcher()
while not launcher.owns_queue:
    time.sleep(0.01)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def launcher_with(workspace: Workspace, fake_worker, keep_launcher) -> Callable[..., Launcher]:
    """Make a launcher whose workers behave in a certain way."""

    def make(behaviour: str, **options) -> Launcher:
        return keep_launcher(Launcher(workspace.store, workspace.settings, fake_worker(behaviour), **options))

    return make


@contextlib.contextmanager
def server(workspace: Workspace, command: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", SERVER, str(workspace.settings.home), json.dumps(command)]
    with subprocess.Popen(words, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


# --- servers ---------------------------------------------------------------------------------------------------------------


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
    launcher = Launcher(workspace.store, workspace.settings, fake_worker("obey"))
    launcher.start()
    wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(run.id).events()))
    began = time.monotonic()

    processes.send(workspace.run(run.id).worker, signal.SIGKILL)

    wait_until(lambda: workspace.run(run.id).state is RunState.INTERRUPTED)
    launcher.stop()
    assert time.monotonic() - began < 10
    assert "SIGKILL" in workspace.run(run.id).message


# --- the machine -----------------------------------------------------------------------------------------------------------


def test_after_a_restart_of_the_machine_a_run_is_interrupted_and_nobody_is_signalled(
    workspace, run_config, launcher_with, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)
    workspace.store.set_worker(run.id, WorkerIdentity(pid=os.getpid(), started_at=1.0, boot_id="before"))
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    workspace.stop(run.id)

    launcher_with("obey").step()

    assert workspace.run(run.id).state is RunState.CANCELLED
    assert workspace.run(run.id).worker is None


def test_a_clock_that_is_set_back_changes_nothing(workspace, run_config, launcher_with, step_until_ended) -> None:
    launcher = launcher_with("succeed-when-told")
    run = workspace.launch(run_config)
    launcher.step()
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # the run was started, it seems, after it will have ended
    workspace.store._update(run.id, started_at=tomorrow)

    (workspace.run_dir(run.id).folder / "go").touch()

    assert step_until_ended(workspace, launcher, run.id) is RunState.SUCCEEDED
    assert workspace.run(run.id).duration_s == 0.0


def test_a_memory_kill_is_told_apart_from_a_kill_by_hand(workspace, run_config, launcher_with, monkeypatch) -> None:
    messages = []
    for kills in (OomKills(machine=3, group=None), OomKills(machine=4, group=None)):
        launcher = launcher_with("obey")
        run = workspace.launch(run_config)
        launcher.step()
        worker = workspace.run(run.id).worker
        counted = {"oom_kills": {"machine": 3, "group": None}}
        workspace.run_dir(run.id).append_event("state", "", state="running", pid=worker.pid, **counted)
        monkeypatch.setattr("core.runs.endings.oom_kills", lambda kills=kills: kills)
        processes.send(worker, signal.SIGKILL)
        while processes.is_alive(worker):
            time.sleep(0.01)
        launcher.supervise()
        launcher.disown()
        messages.append(workspace.run(run.id).message)

    by_hand, by_the_system = messages
    assert "by a person or another program" in by_hand
    assert "ran out of memory" not in by_hand
    assert "The system ran out of memory" in by_the_system
    assert "smaller batch size" in by_the_system


def test_memory_counts_are_read_from_the_control_group_and_the_machine(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "own").write_text("0::/box\n")
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    for name, content in {
        "memory.events": "low 0\noom 2\noom_kill 2\n",
        "memory.max": str(3 * 2**30),
        "memory.current": str(2**31),
        "memory.stat": "inactive_file 0\n",
    }.items():
        (tmp_path / "box" / name).write_text(content)

    found = oom_kills(vmstat=tmp_path / "vmstat", cgroups=tmp_path, own_cgroup=tmp_path / "own")

    assert found == OomKills(machine=7, group=2)
    assert found.happened_since(OomKills(machine=7, group=1))
    assert not found.happened_since(found)
    assert available_mib(cgroups=tmp_path, own_cgroup=tmp_path / "own") <= 1024


STUCK = """
import sys, threading, time
from core.runs import stop_signals, worker
from core.runs.run_dir import RunDir
import core.training.fine_tune
stop_signals.LEAVES_WITHIN_S = 0.5
stop_signals.StopSignals.__init__.__kwdefaults__["leaves_within_s"] = 0.5
def stuck(*_, **__):
    print("stuck", flush=True)
    sum(i for i in iter(lambda: 1, 2))  # never comes to an end, and never asks whether to stop
core.training.fine_tune.fine_tune = stuck
worker.main(sys.argv[1:])
"""


def test_a_worker_that_cannot_heed_the_machine_is_gone_all_the_same(workspace, run_config, wait_until) -> None:
    run = workspace.launch(run_config)
    run_dir = workspace.run_dir(run.id)
    data = str(workspace.settings.datasets_folder / run.dataset_id)
    with run_dir.log_file.open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-c", STUCK, str(run_dir.folder), "--dataset", data], cwd=PROJECT_ROOT, stdout=log, stderr=log
        )
    wait_until(lambda: "stuck" in run_dir.log_file.read_text(), 60.0)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(15) == 143
    assert [event["state"] for event in run_dir.events() if event["kind"] == "state"] == ["running", "interrupted"]


# --- files and database ----------------------------------------------------------------------------------------------------


HOLDER = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
held.execute("COMMIT")
"""


@contextlib.contextmanager
def held_by_another_process(workspace: Workspace, seconds: float) -> Iterator[None]:
    """While another process holds the catalogue's write lock, as a backup or an editor of databases does."""
    words = [sys.executable, "-c", HOLDER, str(workspace.settings.home / "tuneboard.db"), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.kill()


def test_a_database_that_another_process_holds_is_waited_for_and_nothing_is_lost(
    workspace, run_config, launcher_with, wait_until
) -> None:
    waiting, other = workspace.launch(run_config, name="waiting"), workspace.launch(run_config, name="other")
    desk, began = workspace.desk, time.monotonic()
    launcher = launcher_with("succeed")
    asked = [
        lambda: workspace.launch(run_config, name="new"),
        lambda: workspace.rename_run(waiting.id, "renamed"),
        lambda: workspace.tag_run(waiting.id, ["kept"]),
        lambda: workspace.stop(other.id),
        lambda: desk.set_at_once(3),
        lambda: launcher.step(),
    ]
    with held_by_another_process(workspace, 6.0):  # longer than SQLite's own patience in Python, 5 s
        threads = [threading.Thread(target=one) for one in asked]
        for thread in threads:
            thread.start()
        assert {run.name for run in workspace.runs()} == {"waiting", "other"}  # looking never waits
        for thread in threads:
            thread.join()

    assert time.monotonic() - began >= 5.5
    runs = {run.name: run for run in workspace.runs()}
    assert set(runs) == {"renamed", "other", "new"}
    assert runs["renamed"].tags == ("kept",)
    assert runs["other"].stop_requested or runs["other"].state.is_final
    assert desk.switches().at_once == 3
    wait_until(lambda: launcher.step() or all(run.state.is_final for run in workspace.runs()))
    assert workspace.run("renamed").state is RunState.SUCCEEDED
    assert workspace.run("new").state is RunState.SUCCEEDED


def test_the_catalogue_is_waited_for_for_half_a_minute_at_least(workspace) -> None:
    assert database.BUSY_TIMEOUT_S >= 30
    with workspace.store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() >= 30_000


def test_a_database_held_for_longer_than_that_is_said_plainly_and_never_set_aside(
    settings, run_config, add_dataset, monkeypatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    workspace = Workspace(settings)
    add_dataset(workspace)
    with held_by_another_process(workspace, 60.0):
        with pytest.raises(UserError, match=r"Another process has held the catalogue.*nothing was changed"):
            workspace.launch(run_config)
        with pytest.raises(UserError, match="Another process has held"):
            rebuild(settings)

    assert not list(settings.home.glob("*.damaged-*"))
    assert workspace.runs() == []
    assert not list(settings.runs_folder.iterdir())  # what was begun was taken back
    workspace.close()


def test_a_workspace_that_was_moved_goes_on_in_its_new_place(
    workspace, run_config, launcher_with, step_until_ended, tmp_path: Path, fake_worker
) -> None:
    done = workspace.launch(run_config)
    first = launcher_with("succeed")
    step_until_ended(workspace, first, done.id)
    first.disown()
    waiting = workspace.launch(run_config)
    workspace.close()
    home = workspace.settings.home
    moved = home.rename(tmp_path / "elsewhere")

    there = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(moved)}), worker_command=fake_worker("succeed"))
    launcher = there.new_launcher()

    assert there.run_dir(done.id).result() is not None
    assert step_until_ended(there, launcher, waiting.id) is RunState.SUCCEEDED
    launcher.disown()
    there.close()
    moved.rename(home)  # where the other fixtures look for it


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100, None])
def test_a_damaged_catalogue_is_set_aside_and_made_anew_from_the_folders(
    workspace, run_config, launcher_with, step_until_ended, damage: bytes | None
) -> None:
    done = workspace.launch(run_config)
    assert step_until_ended(workspace, launcher_with("succeed"), done.id) is RunState.SUCCEEDED
    failed, early = (workspace.launch(run_config, name=name) for name in ("failed", "early"))
    workspace.run_dir(failed.id).write_error("It went wrong.")
    workspace.rename_run(done.id, "The good one")
    workspace.tag_run(done.id, ["keep"])
    workspace.close()
    file = workspace.settings.home / "tuneboard.db"
    for rest in workspace.settings.home.glob("tuneboard.db*"):
        if rest != file:
            rest.unlink()
    file.unlink() if damage is None else file.write_bytes(damage)

    if damage:
        with pytest.raises(UserError, match="doctor --repair"):
            Workspace(workspace.settings)
    account = rebuild(workspace.settings)

    assert (account.num_datasets, account.num_runs, account.left_out) == (1, 3, {})
    assert (account.set_aside is not None) == bool(damage)
    again = Workspace(workspace.settings)
    found = {run.id: run for run in again.runs()}
    good = found[done.id]
    assert (good.name, good.tags, good.state, good.headline) == ("The good one", ("keep",), RunState.SUCCEEDED, 0.5)
    assert (found[failed.id].state, found[failed.id].message) == (RunState.FAILED, "It went wrong.")
    assert found[early.id].state is RunState.INTERRUPTED
    assert again.resume(early.id).state is RunState.QUEUED
    assert rebuild(workspace.settings).num_runs == 0
    again.close()


def test_a_rebuilt_catalogue_knows_the_worker_that_had_waited_for_its_run(workspace: Workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    run_dir = workspace.run_dir(run.id)
    run_dir.append_event("state", "The worker has started.", state="running", pid=os.getpid())
    workspace.close()
    (workspace.settings.home / "tuneboard.db").unlink()

    with run_dir.only_worker():  # as such a worker does; its command line says nothing of the run
        rebuild(workspace.settings)

    again = Workspace(workspace.settings)
    found = again.run(run.id)
    again.close()
    assert found.state is RunState.RUNNING
    assert found.worker == processes.identity(os.getpid())


def test_where_nothing_can_be_written_that_is_what_is_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")  # refused whoever runs the tests, the administrator included

    with pytest.raises(UserError, match=r"cannot be written to.*TUNEBOARD_HOME"):
        Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(home)}))


def test_every_prefix_of_a_line_under_way_leaves_the_lines_before_it(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.append_metrics({"step": 1})
    whole = run_dir.metrics_file.read_bytes()
    next_line = b'{"step": 2, "train/loss": 0.5}\n'
    for length in range(len(next_line)):
        run_dir.metrics_file.write_bytes(whole + next_line[:length])

        run_dir.end_torn_lines()
        run_dir.append_metrics({"step": 3})

        steps = [line["step"] for line in run_dir.metrics()]
        assert steps in ([1, 3], [1, 2, 3])  # all but its end is a whole line, too


# --- many ------------------------------------------------------------------------------------------------------------------


def test_two_hundred_waiting_runs_keep_their_order_and_failures_stop_nobody(workspace, run_config) -> None:
    runs = [workspace.launch(run_config).id for _ in range(200)]
    for run in runs[::7]:
        workspace.run_dir(run).config_file.unlink()  # these cannot start
    launcher = Launcher(workspace.store, workspace.settings, ("/nowhere/python",))  # and of these the worker cannot

    assert [run.id for run in workspace.queue()] == runs
    launcher.step()
    launcher.stop()

    ended = sorted((workspace.run(run) for run in runs), key=lambda run: run.finished_at)
    assert {run.state for run in ended} == {RunState.FAILED}
    assert [run.id for run in ended] == runs


def test_a_hundred_thousand_logged_steps_are_kept_and_drawn_as_few(tmp_path: Path) -> None:
    from dashboard.charts.curves import loss_curve
    from dashboard.live import RunFeed

    run_dir = RunDir(tmp_path)
    with run_dir.metrics_file.open("w") as file:
        for step in range(1, 100_001):
            when = {"step": step, "epoch": step / 1000, "time_s": step / 10}
            file.write(json.dumps({**when, "train/loss": 1 / step}) + "\n")
            if step % 1000 == 0:
                file.write(json.dumps({**when, "validation/loss": 2 / step}) + "\n")
    feed = RunFeed(run_dir)
    feed.refresh()
    run_dir.append_metrics({"step": 100_001, "epoch": 100.0, "time_s": 1e4, "train/loss": 0.0})
    began = time.process_time()

    rows, _ = feed.refresh()
    points = loss_curve(rows).points

    assert time.process_time() - began < 0.5
    assert len(rows) <= 8000
    assert len(points) < 3000
    assert sum("validation/loss" in row for row in rows) == 100
    steps = [row["step"] for row in rows if "train/loss" in row]
    assert steps[0] == 1
    assert steps[-200:] == list(range(99_802, 100_002))
    assert max(after - before for before, after in itertools.pairwise(steps)) <= 50  # no stretch is left out
    assert len(RunFeed(run_dir, keeps_all=True).refresh()[0]) == 100_101
    assert LineReader.at_end(run_dir.metrics_file, 4096).read_new()[-1]["step"] == 100_001
