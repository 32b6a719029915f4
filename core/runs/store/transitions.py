"""State transitions of a run, within a database change that has locked its row."""

from typing import Any

import sqlalchemy as sa

from core.errors import RunError
from core.runs.store.records import NEXT_STATES, RunRecord, RunState, WorkerIdentity
from core.runs.store.tables import run_from_row, runs
from core.runs.store.visibility import Visibility

_NO_WORKER = {"worker_pid": None, "worker_started_at": None, "worker_boot_id": None}


def locked_run(view: Visibility, connection: sa.Connection, run_id: str) -> RunRecord:
    """The current record of a run, locked against other changes until this change is over.

    Raises:
        NotFoundError: there is no such run that this person sees.
    """
    return run_from_row(view.find(connection, runs, run_id, lock=True))


def apply_step(connection: sa.Connection, record: RunRecord, state: RunState, values: dict[str, Any]) -> RunRecord:
    """Make one transition of a run that this change has locked: the only place where a state changes.

    Args:
        connection: of the change.
        record: the run from ``locked_run``.
        state: the new state.
        values: other columns that change with it.

    Raises:
        RunError: ``NEXT_STATES`` does not allow the transition.
    """
    if state not in NEXT_STATES[record.state]:
        raise RunError(_refusal(record, state))
    changes: dict[str, Any] = {"state": state.value, "stop_requested": False, **_NO_WORKER, **values}
    if state is RunState.QUEUED:
        changes |= {"queue_position": next_position(connection), "message": None}
    connection.execute(runs.update().where(runs.c.id == record.id).values(**changes))
    return run_from_row(connection.execute(sa.select(runs).where(runs.c.id == record.id)).one())


def columns_of(worker: WorkerIdentity) -> dict[str, Any]:
    """Columns that identify the process that works on a run."""
    return {"worker_pid": worker.pid, "worker_started_at": worker.started_at, "worker_boot_id": worker.boot_id}


def next_position(connection: sa.Connection) -> int:
    """The place behind every run that is or was queued."""
    return (connection.execute(sa.select(sa.func.max(runs.c.queue_position))).scalar() or 0) + 1


def _refusal(record: RunRecord, state: RunState) -> str:
    if state is RunState.QUEUED and record.state is RunState.SUCCEEDED:
        return f"Run {record.name!r} has succeeded, so there is nothing to resume. Launch a new run to train further."
    if state is RunState.QUEUED:
        meanwhile = " and starts when its turn comes" if record.state is RunState.QUEUED else ""
        return f"Run {record.name!r} is already {record.state}{meanwhile}, so there is nothing to resume."
    return f"Run {record.name!r} is {record.state} and cannot become {state}. Look at the run again; its state has changed."
