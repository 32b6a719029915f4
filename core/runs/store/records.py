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
        started_at: start time of the process as the kernel tells it: seconds since boot on Linux, where a clock that is set
            cannot change it, seconds since the epoch elsewhere.
        boot_id: which boot of the machine the pid belongs to.
    """

    pid: int
    started_at: float
    boot_id: str


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """A line of the catalogue about a data set.

    Attributes:
        parent_id: the data set this one was made from, which may be deleted since.
        change: what was done to the parent, in one line.
        owner: to whom it belongs; nobody in particular where people do not sign in.
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
    """A line of the catalogue about a run.

    Attributes:
        started_at, finished_at: of the latest attempt; a resumed run has had several.
        earlier_s: seconds that earlier attempts took.
        headline, headline_name: the test score the task is judged by, once there is one, and what it is called.
        message: why it stands as it does, in words for the person, where there is more to say than the state.
        stop_requested: whether a person asked the run at work to stop.
        finish_early: whether the latest attempt trains no further and only tests the best checkpoint.
        events_offset: where in ``events.jsonl`` the latest attempt begins.
        worker: the process at work on it, while it is running.
        owner: to whom it belongs; nobody in particular where people do not sign in.
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
        """Seconds at work over all attempts; None while the latest has not ended, and where none has ever started."""
        if self.finished_at is None:
            return None
        if self.started_at is None:
            return self.earlier_s or None  # cancelled while it waited to go on
        return self.earlier_s + max(0.0, (self.finished_at - self.started_at).total_seconds())
