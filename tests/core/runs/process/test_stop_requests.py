"""Telling a worker to stop, and how it reacts."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from core.config.settings import PROJECT_ROOT
from core.runs.directory.run_dir import RunDir
from core.runs.process import processes, stop_requests
from core.runs.process.stop_requests import Stop
from core.runs.store.records import RunState, WorkerIdentity

HEARS = """
import signal, sys
from core.runs.worker.signals import StopSignals
heard = StopSignals(lambda: None)
for name in sys.argv[1:]:
    signal.raise_signal(signal.Signals[name])
print(heard.stopped_by)
"""


@pytest.mark.parametrize(
    ("signals", "state"),
    [
        (("SIGINT",), RunState.CANCELLED),
        (("SIGTERM",), RunState.INTERRUPTED),
        # A person's stop that is not followed in time is escalated; it still counts as a person's stop.
        (("SIGINT", "SIGTERM"), RunState.CANCELLED),
        (("SIGTERM", "SIGINT"), RunState.CANCELLED),
    ],
)
def test_a_person_s_stop_stays_one(signals: tuple[str, ...], state: RunState) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HEARS, *signals], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert ended.stdout.strip() == state


@pytest.fixture
def sleeper(tmp_path) -> Iterator[WorkerIdentity]:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    worker = processes.start(command, folder=tmp_path, environment={}, log_file=tmp_path / "log")
    yield worker
    processes.dismiss(worker)


def test_without_signals_a_worker_is_told_by_a_file_that_it_takes_away(tmp_path, sleeper, monkeypatch) -> None:
    monkeypatch.setattr(stop_requests, "has_signals", lambda: False)
    run_dir = RunDir(tmp_path)

    for stop, number in ((Stop.BY_PERSON, signal.SIGINT), (Stop.BY_MACHINE, signal.SIGTERM)):
        assert stop_requests.send(sleeper, run_dir, stop)
        assert processes.is_alive(sleeper)
        assert stop_requests.take(tmp_path) == number
        assert stop_requests.take(tmp_path) is None


def test_without_signals_one_that_heeds_nothing_is_ended(tmp_path, sleeper, wait_until, monkeypatch) -> None:
    monkeypatch.setattr(processes, "has_signals", lambda: False)

    assert stop_requests.send(sleeper, RunDir(tmp_path), Stop.AT_ONCE)

    wait_until(lambda: not processes.is_alive(sleeper))


def test_nobody_is_told_in_place_of_a_worker_that_is_gone(tmp_path, sleeper, wait_until, monkeypatch) -> None:
    processes.end(sleeper)
    wait_until(lambda: not processes.is_alive(sleeper))
    monkeypatch.setattr(stop_requests, "has_signals", lambda: False)

    assert not any(stop_requests.send(sleeper, RunDir(tmp_path), stop) for stop in Stop)
    assert not (tmp_path / stop_requests.REQUEST).exists()
