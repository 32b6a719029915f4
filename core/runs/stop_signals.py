"""The signals that ask a worker to stop, and leaving in time when the machine asks.

Python notices a signal between two of its own steps; a library that computes for long keeps it waiting. So the system's note of
a signal goes to a thread as well, which sees to it that a worker the machine wants gone is gone, wherever it is in its work.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

from core.runs.records import RunState

LEAVES_WITHIN_S = 12.0
"""Systems that shut down wait 10 to 90 seconds after SIGTERM; Tuneboard promises 15."""


class StopSignals:
    """Hears SIGINT, a person's stop, and SIGTERM, the machine's.

    Attributes:
        stopped_by: the state the run is to end in, once a signal has come.
    """

    def __init__(self, overdue: Callable[[], None], *, leaves_within_s: float = LEAVES_WITHIN_S) -> None:
        """Start to hear.

        Args:
            overdue: called in a thread when the machine's stop was not followed in time; ends the process.
            leaves_within_s: how long that is.
        """
        self.stopped_by: RunState | None = None
        self._overdue = overdue
        self._leaves_within_s = leaves_within_s
        self._ear, mouth = socket.socketpair()
        mouth.setblocking(False)
        self._mouth = mouth  # kept open for as long as signals may come
        signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        threading.Thread(target=self._listen, name="stop-signals", daemon=True).start()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.stopped_by = RunState.CANCELLED if number == signal.SIGINT else RunState.INTERRUPTED

    def _listen(self) -> None:
        while data := self._ear.recv(64):
            if signal.SIGTERM in data:
                self.stopped_by = RunState.INTERRUPTED
                time.sleep(self._leaves_within_s)  # the run's chance to end in good order
                with contextlib.suppress(Exception):
                    self._overdue()
                os._exit(143)
