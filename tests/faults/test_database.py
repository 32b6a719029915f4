"""What happens to the database: locked by others, moved, damaged, missing."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.errors import UserError
from core.runs.process import processes
from core.runs.recovery.rebuild import rebuild
from core.runs.store import engine
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace

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
    """While another process holds the database's write lock, as a backup or a database editor does."""
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
    scheduler = launcher_with("succeed")
    asked = [
        lambda: workspace.launch(run_config, name="new"),
        lambda: workspace.rename_run(waiting.id, "renamed"),
        lambda: workspace.tag_run(waiting.id, ["kept"]),
        lambda: workspace.stop(other.id),
        lambda: desk.set_at_once(3),
        lambda: scheduler.step(),
    ]
    with held_by_another_process(workspace, 6.0):  # longer than SQLite's own patience in Python, 5 s
        threads = [threading.Thread(target=one) for one in asked]
        for thread in threads:
            thread.start()
        assert {run.name for run in workspace.runs()} == {"waiting", "other"}  # reading never waits
        for thread in threads:
            thread.join()

    assert time.monotonic() - began >= 5.5
    runs = {run.name: run for run in workspace.runs()}
    assert set(runs) == {"renamed", "other", "new"}
    assert runs["renamed"].tags == ("kept",)
    assert runs["other"].stop_requested or runs["other"].state.is_final
    assert desk.switches().at_once == 3
    wait_until(lambda: scheduler.step() or all(run.state.is_final for run in workspace.runs()))
    assert workspace.run("renamed").state is RunState.SUCCEEDED
    assert workspace.run("new").state is RunState.SUCCEEDED


def test_the_catalogue_is_waited_for_for_half_a_minute_at_least(workspace) -> None:
    assert engine.BUSY_TIMEOUT_S >= 30
    with workspace.store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() >= 30_000


def test_a_database_held_for_longer_than_that_is_said_plainly_and_never_set_aside(
    settings, run_config, add_dataset, monkeypatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.2)
    workspace = Workspace(settings)
    add_dataset(workspace)
    with held_by_another_process(workspace, 60.0):
        with pytest.raises(UserError, match=r"Another process has locked the database.*nothing was changed"):
            workspace.launch(run_config)
        with pytest.raises(UserError, match="Another process has locked"):
            rebuild(settings)

    assert not list(settings.home.glob("*.damaged-*"))
    assert workspace.runs() == []
    assert not list(settings.runs_folder.iterdir())  # the change was rolled back
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
    scheduler = there.new_launcher()

    assert there.run_dir(done.id).result() is not None
    assert step_until_ended(there, scheduler, waiting.id) is RunState.SUCCEEDED
    scheduler.disown()
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

    with pytest.raises(UserError, match=r"is not writable.*TUNEBOARD_HOME"):
        Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(home)}))
