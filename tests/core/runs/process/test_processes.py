"""Worker processes: identified by more than their pid, and signalled only if they are the right ones."""

import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.runs.process import processes
from core.runs.store.records import WorkerIdentity

SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(60)"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., WorkerIdentity]]:
    started = []

    def start_python(code: str, *arguments: str, listens: bool = False) -> WorkerIdentity:
        command = [sys.executable, "-c", code, *arguments]
        worker = processes.start(command, folder=tmp_path, environment={"A": "b"}, log_file=tmp_path / "log", listens=listens)
        started.append(worker)
        return worker

    yield start_python
    for worker in started:
        processes.send(worker, signal.SIGKILL)
        while processes.is_alive(worker):
            time.sleep(0.01)
        processes.forget(worker)


def test_a_started_process_is_alive_until_it_ends(start, wait_until) -> None:
    worker = start(SLEEPER)
    assert processes.is_alive(worker)

    assert processes.send(worker, signal.SIGKILL)

    wait_until(lambda: not processes.is_alive(worker))
    assert processes.exit_code(worker) == -signal.SIGKILL


def test_an_exit_code_is_told_once_there_is_one(start, wait_until) -> None:
    worker = start("raise SystemExit(3)")

    wait_until(lambda: not processes.is_alive(worker))

    assert processes.exit_code(worker) == 3


def test_another_process_with_the_same_pid_is_neither_alive_nor_signalled(start) -> None:
    worker = start(SLEEPER)

    for other in (replace(worker, started_at=worker.started_at - 1), replace(worker, boot_id="another boot")):
        assert not processes.is_alive(other)
        assert not processes.send(other, signal.SIGKILL)

    assert processes.is_alive(worker)


def test_signalling_without_process_handles_is_as_careful(start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.pidfd_open")
    worker = start(SLEEPER)

    assert not processes.send(replace(worker, started_at=worker.started_at - 1), signal.SIGKILL)
    assert processes.is_alive(worker)
    assert processes.send(worker, signal.SIGKILL)


def test_a_pid_that_nobody_has_gets_no_signal() -> None:
    gone = WorkerIdentity(pid=2**22 + 1, started_at=1.0, boot_id=processes.boot_id())

    assert not processes.is_alive(gone)
    assert not processes.send(gone, signal.SIGTERM)


def test_a_process_that_ended_and_was_not_collected_counts_as_gone(wait_until) -> None:
    show_identity = (
        "import json, sys; from core.runs.process.processes import *; from core.runs.process.processes import _start_time\n"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            show_identity + "import subprocess, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
            "print(json.dumps([child.pid, _start_time(child.pid), boot_id()]), flush=True)\n"
            "input(); child.stdin.close(); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    )
    with parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid, started_at, boot_id = json.loads(parent.stdout.readline())
        worker = WorkerIdentity(pid=pid, started_at=started_at, boot_id=boot_id)
        assert processes.is_alive(worker)

        parent.stdin.write("\n")

        wait_until(lambda: not processes.is_alive(worker))
        assert not processes.send(worker, signal.SIGTERM)
        parent.stdin.write("\n")


def test_a_process_is_found_by_the_arguments_only_a_worker_has(start, wait_until, tmp_path: Path) -> None:
    run = str(tmp_path / "runs" / "one")
    viewer = start(SLEEPER, "--logdir", run)
    worker = start(SLEEPER, run, "--dataset", "data")

    # For a moment after it was started, a process has an empty command line.
    wait_until(lambda: processes.find([run, "--dataset", "data"]) == worker)
    assert processes.find([run, "--dataset", "other"]) is None
    assert processes.find([str(tmp_path / "runs"), "--dataset", "data"]) is None
    assert processes.is_alive(viewer)


LISTENER = "import sys; line = sys.stdin.readline(); print('heard ' + line if line else 'nobody', flush=True)"


def test_a_listening_process_hears_the_one_line_it_is_told(start, tmp_path: Path, wait_until) -> None:
    worker = start(LISTENER, listens=True)

    assert processes.hand_over(worker, "go")

    wait_until(lambda: not processes.is_alive(worker))
    assert "heard go" in (tmp_path / "log").read_text()
    assert not processes.hand_over(worker, "again")


def test_a_listening_process_that_was_killed_is_told_nothing(start, wait_until) -> None:
    worker = start(LISTENER, listens=True)
    processes.send(worker, signal.SIGKILL)
    wait_until(lambda: not processes.is_alive(worker))

    assert not processes.hand_over(worker, "go")


def test_a_dismissed_process_is_gone(start) -> None:
    worker = start(LISTENER, listens=True)

    processes.dismiss(worker)

    assert not processes.is_alive(worker)


def test_output_is_appended_to_the_log_and_the_environment_is_the_one_given(start, tmp_path: Path, wait_until) -> None:
    (tmp_path / "log").write_text("before\n")

    worker = start("import os, sys; print(os.environ['A'], file=sys.stderr)")

    wait_until(lambda: not processes.is_alive(worker))
    assert (tmp_path / "log").read_text() == "before\nb\n"


def test_a_program_that_is_not_there_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        processes.start(["/nowhere/python"], folder=tmp_path, environment={}, log_file=tmp_path / "log")


def test_a_child_that_has_the_pid_of_a_worker_of_long_ago_is_left_alone(start, wait_until) -> None:
    child = start("raise SystemExit(3)", listens=True)
    wait_until(lambda: not processes.is_alive(child))
    before = replace(child, started_at=child.started_at - 1)

    assert processes.exit_code(before) is None
    assert not processes.hand_over(before, "a run")
    processes.forget(before)
    processes.dismiss(before)

    assert processes.exit_code(child) == 3


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EMFILE])
def test_a_worker_is_signalled_where_handles_are_refused(start, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    worker = start(SLEEPER)

    def refuse(_: int) -> int:
        raise OSError(number, "refused")

    monkeypatch.setattr("os.pidfd_open", refuse)

    assert processes.send(worker, signal.SIGKILL)


def test_a_process_of_somebody_else_is_no_worker_to_be_signalled(start, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = start(SLEEPER)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr("signal.pidfd_send_signal", refuse)
        assert not processes.send(worker, signal.SIGTERM)


def test_where_boots_have_no_name_a_drifting_clock_makes_no_other_boot(start, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the boot time is used instead of a boot id; every process computes it again, give or take a second."""
    monkeypatch.setattr(processes, "_BOOT_ID_FILE", Path("/nowhere"))
    worker = start(SLEEPER)

    for drift_s in (-1, 1):
        monkeypatch.setattr("psutil.boot_time", lambda drift_s=drift_s: float(worker.boot_id) + drift_s)
        assert processes.is_alive(worker)
    assert not processes.is_of_this_boot(replace(worker, boot_id=str(int(worker.boot_id) - 86_400)))
