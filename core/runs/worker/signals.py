"""Stop signals of a worker, and ending in time when the machine asks.

Python handles a signal between two of its own instructions; a library call that computes for long delays it. So a thread is
notified of a signal as well, and ends the process in time after SIGTERM, whatever it is computing. On platforms without signals,
the same thread looks for a file in the run's folder instead.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from core.machine.platform_support import has_signals
from core.runs.process import stop_requests
from core.runs.store.records import RunState

LEAVES_WITHIN_S = 12.0
"""Systems that shut down wait 10 to 90 seconds after SIGTERM; Tuneboard promises 15."""

LOOK_S = 0.5
"""Seconds between two checks for a file that asks to stop."""


class StopSignals:
    """Handles SIGINT, a person's stop, and SIGTERM, the machine's. A person's stop is not overridden by a later SIGTERM.

    Attributes:
        stopped_by: the state the run is to end in, once it was asked to stop.
    """

    def __init__(
        self, overdue: Callable[[], None], *, run_folder: Path | None = None, leaves_within_s: float = LEAVES_WITHIN_S
    ) -> None:
        """Start to listen.

        Args:
            overdue: called in a thread when the run did not stop in time after SIGTERM; afterwards the process ends.
            run_folder: where to look for a file that asks to stop, on platforms without signals.
            leaves_within_s: seconds the run has to stop after SIGTERM.
        """
        self.stopped_by: RunState | None = None
        self._overdue = overdue
        self._leaves_within_s = leaves_within_s
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if has_signals() or run_folder is None:
            self._ear, mouth = socket.socketpair()
            mouth.setblocking(False)
            self._mouth = mouth  # kept open as long as signals may come
            signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
            listen = threading.Thread(target=self._listen, name="stop-signals", daemon=True)
        else:
            stop_requests.take(run_folder)  # discards a request to an earlier worker of this run
            listen = threading.Thread(target=self._look, args=(run_folder,), name="stop-requests", daemon=True)
        listen.start()

    def _note(self, number: int, frame: FrameType | None = None) -> None:
        del frame
        if number == signal.SIGINT:
            self.stopped_by = RunState.CANCELLED
        elif self.stopped_by is None:
            self.stopped_by = RunState.INTERRUPTED

    def _listen(self) -> None:
        while data := self._ear.recv(64):
            if signal.SIGTERM in data:
                self._leave_in_time()

    def _look(self, run_folder: Path) -> None:
        while True:
            told = stop_requests.take(run_folder)
            if told is not None:
                self._note(told)
                if told == signal.SIGTERM:
                    self._leave_in_time()
            time.sleep(LOOK_S)  # polling interval: no portable call waits for a file

    def _leave_in_time(self) -> None:
        self._note(signal.SIGTERM)
        time.sleep(self._leaves_within_s)  # time for the run to stop cleanly
        with contextlib.suppress(Exception):
            self._overdue()
        os._exit(143)
