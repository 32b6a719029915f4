"""Stopping a running run: its worker is asked first, and killed if it does not stop."""

import time
from dataclasses import dataclass

from core.runs.directory.run_dir import RunDir
from core.runs.process import stop_requests
from core.runs.process.exit_status import has_announced_itself
from core.runs.process.stop_requests import Stop
from core.runs.store.records import RunRecord, WorkerIdentity


@dataclass(frozen=True, kw_only=True)
class StopTimes:
    """Deadlines for a worker that was asked to stop, in seconds since it was asked.

    Attributes:
        unheard_s: how long SIGINT is delayed while the worker has not reported that it is up; before, it would not handle it.
        terminate_s: when a worker that is still running gets SIGTERM.
        kill_s: when it gets SIGKILL.
    """

    unheard_s: float = 20.0
    terminate_s: float = 60.0
    kill_s: float = 90.0


@dataclass
class _Stop:
    """A pending stop: when it was asked for, by the monotonic clock, and the last request that was sent."""

    asked_at: float
    sent: Stop | None = None


class StopEscalation:
    """The pending stops of one scheduler; each signal is sent once."""

    def __init__(self, times: StopTimes) -> None:
        self._times = times
        self._under_way: dict[str, _Stop] = {}

    def press(self, record: RunRecord, run_dir: RunDir, worker: WorkerIdentity) -> None:
        """Ask the worker to stop, and escalate if it does not."""
        stop = self._under_way.setdefault(record.id, _Stop(asked_at=time.monotonic()))
        waited_s = time.monotonic() - stop.asked_at
        if waited_s >= self._times.kill_s:
            due = Stop.AT_ONCE
        elif waited_s >= self._times.terminate_s:
            due = Stop.BY_MACHINE
        elif waited_s >= self._times.unheard_s or has_announced_itself(record, run_dir):
            due = Stop.BY_PERSON
        else:
            return
        if due is not stop.sent:
            stop.sent = due
            stop_requests.send(worker, run_dir, due)

    def forget(self, run_id: str) -> None:
        """The run has ended."""
        self._under_way.pop(run_id, None)
