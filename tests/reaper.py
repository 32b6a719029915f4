"""Sees to it that nothing the tests start outlives them, however they end: ``python -m tests.reaper PID MARK``.

Workers are made to outlive whoever starts them, so tests that are killed would leave theirs at work for ever. Everything that a
session of tests starts carries a mark in its environment; a small process of its own waits until the session is gone, and then
kills what carries it.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "STARTED_BY_TESTS"
"""Name of the variable; it belongs to none of the families that tests take out of an environment."""

_PERIOD_S = 0.5
_at_work: subprocess.Popen[bytes] | None = None
_PR_SET_PDEATHSIG = 1


def engage() -> None:
    """Mark what this process starts from now on, and have it ended when this process is gone."""
    mark = f"{os.getpid()}-{time.time_ns()}"
    environment = dict(os.environ)  # without the mark: the reaper itself is to remain
    os.environ[MARK] = mark
    global _at_work
    _at_work = subprocess.Popen(
        [sys.executable, "-m", "tests.reaper", str(os.getpid()), mark],
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def die_with_parent() -> None:
    """Have the system kill this process, just forked, as soon as its parent is gone; its environment shows no mark."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Wait for the end of the process that was named, then kill what carries its mark."""
    parent, mark = int(sys.argv[1]), sys.argv[2]
    while os.getppid() == parent:
        time.sleep(_PERIOD_S)  # between two looks: nothing tells a process of its parent's end on every system
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended meanwhile, or is somebody else's
            if process.environ().get(MARK) == mark:
                process.kill()


if __name__ == "__main__":
    main()
