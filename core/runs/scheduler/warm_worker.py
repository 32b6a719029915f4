"""The worker that waits: imports done, model file in memory, so that a run starts in a second instead of five.

It is started at low priority when somebody has a page open, and becomes the worker of the next run. Until then it is no run's
worker and nothing anybody relies on: it may be killed at any moment, it ends by itself when its supervisor dies, and it is given
up after a time without visitors, when memory gets short, and when code or settings are no longer those it was started with.
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
"""The first page is drawn before anything is started that takes processor time from it."""

IDLE_S = 1200.0
"""Without a visitor for so long, the memory is given back."""

AFTER_FAILURE_S = 300.0
"""One that ended by itself is not replaced at once: whatever ended it most likely still holds."""

MEMORY_FLOOR_MIB = 2048
"""Memory that must be left over; a waiting worker takes about 600 MiB itself."""


class WarmWorker:
    """Keeps at most one worker that waits, for the process that owns the queue.

    Args:
        command: the worker's program; ``--wait`` follows.
        delay_s: seconds from the first visitor to its start.
        idle_s: seconds after the last visitor until it is given up.
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
        """The process that waits, if one does."""
        return self._worker

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the process that waits; empty if none does."""
        return self._made_of[0] if self._worker is not None and self._made_of is not None else {}

    def expect(self) -> None:
        """Somebody is there who may launch a run."""
        self._last_visit = time.monotonic()
        if self._first_visit is None:
            self._first_visit = self._last_visit

    def tend(self, environment: Callable[[], Mapping[str, str]], *, is_useful: bool) -> None:
        """Start one, or give it up; asked for again and again.

        Args:
            environment: tells what a worker would be given now.
            is_useful: whether a run launched now would start at once.
        """
        now = time.monotonic()
        if self._worker is not None and not processes.is_alive(self._worker):
            logger.warning("The waiting worker has ended by itself (%s).", processes.exit_code(self._worker))
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
        """The worker that waits, for a run that needs this environment; nothing if none fits. It is no longer kept here."""
        if self._worker is None:
            return None
        if not processes.is_alive(self._worker) or self._made_of != (environment, _age_of_code()):
            self._give_up()
            return None
        taken, self._worker = self._worker, None
        return taken

    def dismiss(self) -> None:
        """End the one that waits, if any."""
        if self._worker is not None:
            self._give_up()

    def _start(self, environment: Mapping[str, str]) -> None:
        self._made_of = (dict(environment), _age_of_code())
        try:
            self._worker = processes.start(
                self._command, folder=PROJECT_ROOT, environment=environment, log_file=Path(os.devnull), listens=True
            )
        except OSError:
            logger.exception("No worker could be started to wait for a run.")
            self._not_before = time.monotonic() + AFTER_FAILURE_S

    def _give_up(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            processes.dismiss(worker)


def _age_of_code() -> float:
    """When the program was last changed: a worker that read an earlier version must not become this one's."""
    return max(source.stat().st_mtime for source in (PROJECT_ROOT / "core").rglob("*.py"))
