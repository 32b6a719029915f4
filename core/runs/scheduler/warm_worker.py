"""The warm worker: imports done, model file in memory, so that a run starts in a second instead of five.

It is started at low priority when somebody has a page open, and becomes the worker of the next run. Until then nothing depends
on it: it may be killed at any time, it ends when its scheduler's process ends, and it is dismissed after a time without visitors,
when memory gets low, and when code or settings have changed since it was started.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.config.settings import PROJECT_ROOT
from core.machine.memory import available_mib
from core.runs.process import processes
from core.runs.store.records import WorkerIdentity

logger = logging.getLogger(__name__)

DELAY_S = 2.0
"""The first page is drawn before a process is started that takes CPU time from it."""

IDLE_S = 1200.0
"""After so long without a visitor, the warm worker is dismissed to free its memory."""

AFTER_FAILURE_S = 300.0
"""A warm worker that ended unexpectedly is not replaced at once: the cause most likely still exists."""

MEMORY_FLOOR_MIB = 2048
"""Memory that must stay available; a warm worker takes about 600 MiB itself."""


class WarmWorker:
    """Keeps at most one warm worker, for the process that owns the queue.

    Args:
        command: the worker's program; ``--wait`` is appended.
        delay_s: seconds from the first visitor to its start.
        idle_s: seconds after the last visitor until it is dismissed.
    """

    def __init__(self, command: Sequence[str], *, delay_s: float = DELAY_S, idle_s: float = IDLE_S) -> None:
        self._command = (*command, processes.WAIT)
        self._delay_s = delay_s
        self._idle_s = idle_s
        self._worker: WorkerIdentity | None = None
        self._made_of: tuple[Mapping[str, str], float] | None = None
        self._first_visit: float | None = None
        self._last_visit = float("-inf")
        self._not_before = float("-inf")

    @property
    def worker(self) -> WorkerIdentity | None:
        """The warm worker; ``None`` if there is none."""
        return self._worker

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the warm worker; empty if there is none."""
        return self._made_of[0] if self._worker is not None and self._made_of is not None else {}

    def expect(self) -> None:
        """Note that a visitor may launch a run."""
        self._last_visit = time.monotonic()
        if self._first_visit is None:
            self._first_visit = self._last_visit

    def tend(self, environment: Callable[[], Mapping[str, str]], *, is_useful: bool) -> None:
        """Start a warm worker, or dismiss it; called in every round of the scheduler.

        Args:
            environment: gives the environment that a worker would get now.
            is_useful: whether a run launched now would start at once.
        """
        now = time.monotonic()
        if self._worker is not None and not processes.is_alive(self._worker):
            logger.warning("The warm worker has ended unexpectedly (%s).", processes.exit_code(self._worker))
            self._not_before = now + AFTER_FAILURE_S
            self._give_up()
        visited = self._first_visit is not None and now - self._last_visit < self._idle_s
        if not visited:
            self._first_visit = None
        has_memory = available_mib() >= MEMORY_FLOOR_MIB
        if self._worker is not None:
            if not visited or not has_memory:
                self._give_up()
        elif is_useful and visited and has_memory and now >= max(self._not_before, (self._first_visit or now) + self._delay_s):
            self._start(environment())

    def take(self, environment: Mapping[str, str]) -> WorkerIdentity | None:
        """Hand out the warm worker for a run that needs this environment; ``None`` if there is none or it does not match."""
        if self._worker is None:
            return None
        if not processes.is_alive(self._worker) or self._made_of != (environment, _age_of_code()):
            self._give_up()
            return None
        taken, self._worker = self._worker, None
        return taken

    def dismiss(self) -> None:
        """End the warm worker, if there is one."""
        if self._worker is not None:
            self._give_up()

    def _start(self, environment: Mapping[str, str]) -> None:
        self._made_of = (dict(environment), _age_of_code())
        try:
            self._worker = processes.start(
                self._command, folder=PROJECT_ROOT, environment=environment, log_file=Path(os.devnull), listens=True
            )
        except OSError:
            logger.exception("The warm worker could not be started.")
            self._not_before = time.monotonic() + AFTER_FAILURE_S

    def _give_up(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            processes.dismiss(worker)


def _age_of_code() -> float:
    """When the code was last changed: a warm worker with an earlier version of it must not be used."""
    return max(source.stat().st_mtime for source in (PROJECT_ROOT / "core").rglob("*.py"))
