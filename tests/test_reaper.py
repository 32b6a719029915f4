"""What tests start ends with them, even where they are killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SESSION = """
import os, sys, time
from pathlib import Path
from core.runs.process import processes
from tests import reaper

reaper.engage()
worker = processes.start(
    [sys.executable, "-c", "import time; time.sleep(600)"],
    folder=Path.cwd(), environment=dict(os.environ), log_file=Path(os.devnull),
)
print(worker.pid, flush=True)
time.sleep(600)
"""
"""Stands for a session of tests that has started a worker."""


def test_a_worker_of_tests_that_were_killed_does_not_live_on() -> None:
    root = Path(__file__).resolve().parent.parent
    session = subprocess.Popen([sys.executable, "-c", SESSION], cwd=root, stdout=subprocess.PIPE, text=True)
    assert session.stdout is not None
    worker = psutil.Process(int(session.stdout.readline()))
    assert worker.is_running()

    session.send_signal(signal.SIGKILL)
    session.wait()
    session.stdout.close()

    deadline = time.monotonic() + 20
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "The worker lives on."
        time.sleep(0.05)  # between two looks
