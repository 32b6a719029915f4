"""Database records of data sets and runs, and the states of a run."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended; only a person's request can change the state."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


NEXT_STATES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.FAILED}),
    RunState.RUNNING: frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    RunState.INTERRUPTED: frozenset({RunState.QUEUED}),
}
"""All allowed transitions; back to ``queued`` means resume."""


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """The process that works on a run; a pid alone is not enough, since pids are reused.

    Attributes:
        pid: process id.
        started_at: start time of the process from the kernel: seconds since boot on Linux, where changes of the clock do not
            affect it, seconds since the epoch elsewhere.
        boot_id: the boot of the machine that the pid belongs to.
    """

    pid: int
    started_at: float
    boot_id: str


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """A data set's row in the database.

    Attributes:
        parent_id: the data set this one was made from, which may have been deleted since.
        change: what was changed relative to the parent, in one line.
        owner: the user it belongs to; ``None`` where people do not sign in.
    """

    id: str
    name: str
    task: str
    num_examples: int
    num_labels: int
    content_hash: str
    created_at: datetime
    parent_id: str | None = None
    change: str | None = None
    owner: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run's row in the database.

    Attributes:
        started_at, finished_at: of the latest attempt; a resumed run has had several.
        earlier_s: seconds that earlier attempts took.
        headline, headline_name: value and name of the task's main test score, once there is one.
        message: the reason for the state as a sentence for the user, if there is one.
        stop_requested: whether a person asked the running run to stop.
        finish_early: whether the latest attempt does not train further and only evaluates the best checkpoint.
        events_offset: where in ``events.jsonl`` the latest attempt begins.
        worker: the process that works on it, while it is running.
        owner: the user it belongs to; ``None`` where people do not sign in.
    """

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
    earlier_s: float = 0.0
    events_offset: int = 0
    owner: str | None = None

    @property
    def duration_s(self) -> float | None:
        """Working time of all attempts; ``None`` while the latest has not ended, and if none has ever started."""
        if self.finished_at is None:
            return None
        if self.started_at is None:
            return self.earlier_s or None  # cancelled while it was queued to resume
        return self.earlier_s + max(0.0, (self.finished_at - self.started_at).total_seconds())
