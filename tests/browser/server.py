"""The dashboard as people start it: a server of its own, on a workspace of its own, that leaves no process behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from core.config.settings import PROJECT_ROOT, Settings
from core.runs.process.processes import is_alive
from core.workspace.workspace import Workspace

_START_S = 60.0
_END_S = 10.0

T = TypeVar("T")


def wait_for(find: Callable[[], T], what: str, *, timeout_s: float = 60.0) -> T:
    """Poll until the result is true, and fail after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, f"Waited {timeout_s:.0f} s in vain for {what}."
        time.sleep(0.05)  # between two polls


class Server:
    """``python -m dashboard`` on one workspace.

    Attributes:
        home: folder of the workspace.
        url: address of the front page, without a slash at its end.
        workspace: the same workspace, opened in this process: it reads and queues, the server does the work.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = home.parent / f"{home.name}-server.log"
        self.workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(home)}))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; after ``kill`` it comes back at the same address."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("TUNEBOARD_", "STREAMLIT_", "PYTEST_"))
        }
        # Tiny models gain nothing from a second thread, and waiting threads slow the whole machine down.
        environment |= {"TUNEBOARD_HOME": str(self.home), "TUNEBOARD_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-m", "dashboard", "--port", str(self.port), "--headless"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._answers, "the server to answer", timeout_s=_START_S)

    def kill(self) -> None:
        """Kill the server as a power cut would, without cleanup. Workers continue."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=_END_S)

    def end(self) -> None:
        """End the server and every worker of this workspace."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=_END_S)
            except subprocess.TimeoutExpired:
                self.kill()
        for worker in self.workers():
            worker.kill()
            worker.wait(timeout=_END_S)
        self.workspace.close()

    def workers(self) -> list[psutil.Process]:
        """The worker processes of this workspace: with its folder on the command line, or warm workers with one of its runs."""
        known = {run.worker.pid for run in self.workspace.store.running() if run.worker and is_alive(run.worker)}
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid in known or any(one.startswith(f"{self.home}{os.sep}") for one in process.cmdline()):
                    found.append(process)
            except psutil.Error:  # it has ended meanwhile, or is none of ours
                continue
        return found

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"The server has ended: {self.log_file.read_text(errors='replace')[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
