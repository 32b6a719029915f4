"""What asks a worker to stop, and leaving in time when the machine asks.

Python notices a signal between two of its own steps; a library that computes for long keeps it waiting. So the system's note of
a signal goes to a thread as well, which sees to it that a worker the machine wants gone is gone, wherever it is in its work.
Where the platform has no signals to hear, the same thread looks for a file in the run's folder instead.
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
"""Seconds between two looks for a file that asks to stop."""


class StopSignals:
    """Hears SIGINT, a person's stop, and SIGTERM, the machine's. What a person wants stays so, whoever asks after them.

    Attributes:
        stopped_by: the state the run is to end in, once it was asked to stop.
    """

    def __init__(
        self, overdue: Callable[[], None], *, run_folder: Path | None = None, leaves_within_s: float = LEAVES_WITHIN_S
    ) -> None:
        """Start to hear.

        Args:
            overdue: called in a thread when the machine's stop was not followed in time; ends the process.
            run_folder: where to look for a file that asks to stop, on platforms without signals.
            leaves_within_s: how long the machine waits.
        """
        self.stopped_by: RunState | None = None
        self._overdue = overdue
        self._leaves_within_s = leaves_within_s
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if has_signals() or run_folder is None:
            self._ear, mouth = socket.socketpair()
            mouth.setblocking(False)
            self._mouth = mouth  # kept open for as long as signals may come
            signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
            listen = threading.Thread(target=self._listen, name="stop-signals", daemon=True)
        else:
            stop_requests.take(run_folder)  # what an earlier worker of this run was told
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
            time.sleep(LOOK_S)  # between two looks: no system-independent call waits for a file

    def _leave_in_time(self) -> None:
        self._note(signal.SIGTERM)
        time.sleep(self._leaves_within_s)  # the run's chance to end in good order
        with contextlib.suppress(Exception):
            self._overdue()
        os._exit(143)
