"""One run's step from state to state, within a change of the catalogue that holds its line."""

from typing import Any

import sqlalchemy as sa

from core.errors import RunError
from core.runs.store.records import NEXT_STATES, RunRecord, RunState, WorkerIdentity
from core.runs.store.tables import run_from_row, runs
from core.runs.store.visibility import Visibility

_NO_WORKER = {"worker_pid": None, "worker_started_at": None, "worker_boot_id": None}


def locked_run(view: Visibility, connection: sa.Connection, run_id: str) -> RunRecord:
    """The run as it stands, kept from being changed by others until this change is over.

    Raises:
        NotFoundError: there is no such run for whoever looks.
    """
    return run_from_row(view.find(connection, runs, run_id, lock=True))


def apply_step(connection: sa.Connection, record: RunRecord, state: RunState, values: dict[str, Any]) -> RunRecord:
    """Make one transition of a run that this change has locked: the only place where a state changes.

    Args:
        connection: of the change.
        record: the run as ``locked_run`` gave it.
        state: where it goes.
        values: further columns that change with it.

    Raises:
        RunError: ``NEXT_STATES`` names no such step.
    """
    if state not in NEXT_STATES[record.state]:
        raise RunError(_refusal(record, state))
    changes: dict[str, Any] = {"state": state.value, "stop_requested": False, **_NO_WORKER, **values}
    if state is RunState.QUEUED:
        changes |= {"queue_position": next_position(connection), "message": None}
    connection.execute(runs.update().where(runs.c.id == record.id).values(**changes))
    return run_from_row(connection.execute(sa.select(runs).where(runs.c.id == record.id)).one())


def columns_of(worker: WorkerIdentity) -> dict[str, Any]:
    """Columns that say which process works on a run."""
    return {"worker_pid": worker.pid, "worker_started_at": worker.started_at, "worker_boot_id": worker.boot_id}


def next_position(connection: sa.Connection) -> int:
    """The place behind everything that waits or ever waited."""
    return (connection.execute(sa.select(sa.func.max(runs.c.queue_position))).scalar() or 0) + 1


def _refusal(record: RunRecord, state: RunState) -> str:
    if state is RunState.QUEUED and record.state is RunState.SUCCEEDED:
        return f"Run {record.name!r} has succeeded, so there is nothing to resume. Launch a new run to train further."
    if state is RunState.QUEUED:
        meanwhile = " and starts when its turn comes" if record.state is RunState.QUEUED else ""
        return f"Run {record.name!r} is {record.state} already{meanwhile}, so there is nothing to resume."
    return f"Run {record.name!r} is {record.state} and cannot become {state}. Look at the run again; it has moved on."
