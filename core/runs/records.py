"""What the catalogue says of data sets and runs, and the states a run passes through."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens unless a person asks for it."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


NEXT_STATES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.FAILED}),
    RunState.RUNNING: frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    RunState.INTERRUPTED: frozenset({RunState.QUEUED}),
}
"""Every transition there is; back to ``queued`` means resume."""


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """Which process works on a run; a bare pid proves nothing, since pids are used again.

    Attributes:
        pid: process id.
        started_at: start time of the process as the kernel tells it, seconds since the epoch.
        boot_id: which boot of the machine the pid belongs to.
    """

    pid: int
    started_at: float
    boot_id: str


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """A line of the catalogue about a data set."""

    id: str
    name: str
    task: str
    num_examples: int
    num_labels: int
    content_hash: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A line of the catalogue about a run. ``headline`` is the test score the task is judged by, once there is one."""

    id: str
    name: str
    dataset_id: str
    task: str
    model: str
    recipe: str
    state: RunState
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    headline_name: str | None = None
    headline: float | None = None
    message: str | None = None
    stop_requested: bool = False
    finish_early: bool = False
    worker: WorkerIdentity | None = None
    tags: tuple[str, ...] = field(default=())

    @property
    def duration_s(self) -> float | None:
        """Seconds from the start to the end, or nothing while either is open."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
