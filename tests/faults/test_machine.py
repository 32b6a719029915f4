"""What happens to the machine: a restart, a clock change, memory that runs out, a stop that cannot be handled."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.config.settings import PROJECT_ROOT
from core.machine.memory import OomKills, available_mib, oom_kills
from core.runs.process import processes
from core.runs.scheduler.scheduler import MOST_MEMORY_KILLS
from core.runs.store.records import RunState, WorkerIdentity


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
    scheduler = launcher_with("succeed-when-told")
    run = workspace.launch(run_config)
    scheduler.step()
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # the run was started, it seems, after it will have ended
    workspace.store._update(run.id, started_at=tomorrow)

    (workspace.run_dir(run.id).folder / "go").touch()

    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED
    assert workspace.run(run.id).duration_s == 0.0


def test_a_memory_kill_is_told_apart_from_a_kill_by_hand(workspace, run_config, launcher_with, monkeypatch) -> None:
    messages = []
    for kills in (OomKills(machine=3, group=None), OomKills(machine=4, group=None)):
        scheduler = launcher_with("obey")
        run = workspace.launch(run_config)
        workspace.run_dir(run.id).note_about(memory_kills=MOST_MEMORY_KILLS)  # after so many it is not resumed automatically
        scheduler.step()
        worker = workspace.run(run.id).worker
        counted = {"oom_kills": {"machine": 3, "group": None}}
        workspace.run_dir(run.id).append_event("state", "", state="running", pid=worker.pid, **counted)
        monkeypatch.setattr("core.runs.process.exit_status.oom_kills", lambda kills=kills: kills)
        processes.send(worker, signal.SIGKILL)
        while processes.is_alive(worker):
            time.sleep(0.01)
        scheduler.supervise()
        scheduler.disown()
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
from core.runs.worker import signals as stop_signals, worker
from core.runs.directory.run_dir import RunDir
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
