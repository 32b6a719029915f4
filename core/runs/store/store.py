"""The database: which data sets and runs there are, and the state of each run.

Three tables. ``datasets`` has a row for each data set. ``runs`` has a row for each run, with its state, its place in the queue,
its worker and how it ended. ``switches`` has the settings of the queue. Large data is in files; the database can be lost without
losing results.

Every change is one transaction that holds the write lock from its start, so that what was read in it is still true when it
writes. A run's state changes only in ``transitions.apply_step``. Times are stored in UTC.

Where people sign in, each has a view of the database: what belongs to others is not visible and cannot be changed.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from core.errors import DatasetError, RunError
from core.runs.store.engine import changing, open_database, reading
from core.runs.store.queue import QueueOrder
from core.runs.store.records import DatasetRecord, RunRecord, RunState, WorkerIdentity
from core.runs.store.run_queries import RunLists
from core.runs.store.tables import dataset_from_row, datasets, row_of_dataset, row_of_run, run_from_row, runs
from core.runs.store.transitions import apply_step, columns_of, locked_run, next_position
from core.runs.store.visibility import EVERYTHING, Visibility
from core.runs.store.watched_file import CatalogueFile


class Store:
    """Access to the database for one process; safe to use from several threads."""

    def __init__(self, database_url: str | sa.URL, file: CatalogueFile | None = None) -> None:
        """Open the database, creating its tables if they do not exist yet.

        Args:
            database_url: where it is.
            file: checks whether the database file was deleted or replaced while this is open; without it, nothing checks that.

        Raises:
            UserError: there is no usable database at the URL.
        """
        self._file = file
        self._engine = open_database(database_url, file)
        self._view = EVERYTHING

    def close(self) -> None:
        """Close the database."""
        if self._file is not None:
            self._file.close()
        self._engine.dispose()

    def for_user(self, owner: str, *, sees_all: bool) -> "Store":
        """The database as one person sees it, on the same connections; what they add belongs to them.

        Args:
            owner: the person's name.
            sees_all: whether they see what belongs to others, too.
        """
        return self._seen_by(Visibility(owner, sees_all))

    def everybodys(self) -> "Store":
        """The whole database, on the same connections, for answers that do not reveal what belongs to others."""
        return self._seen_by(EVERYTHING)

    # --- data sets ---------------------------------------------------------------------------------------------------------

    def add_dataset(self, record: DatasetRecord) -> DatasetRecord:
        """Add a data set; if its name is taken, it gets a number."""
        with self._change() as connection:
            connection.execute(datasets.delete().where(datasets.c.id == record.id))  # a rebuild may have added its folder
            owner = record.owner or self._view.owner
            name = self._view.free_name(connection, datasets, record.name, owner)
            record = dataclasses.replace(record, name=name, owner=owner)
            connection.execute(datasets.insert().values(row_of_dataset(record)))
        return record

    def datasets(self) -> list[DatasetRecord]:
        """Every data set, newest first."""
        with self._read() as connection:
            query = sa.select(datasets).where(self._view.seen(datasets))
            found = connection.execute(query.order_by(datasets.c.created_at.desc(), datasets.c.id.desc()))
            return [dataset_from_row(row) for row in found]

    def dataset(self, id_or_name: str) -> DatasetRecord:
        """One data set.

        Raises:
            NotFoundError: nothing has this id or name.
        """
        with self._read() as connection:
            return dataset_from_row(self._view.find(connection, datasets, id_or_name))

    def rename_dataset(self, dataset_id: str, name: str) -> DatasetRecord:
        """Give a data set another name.

        Raises:
            DatasetError: another one has it.
            NotFoundError: there is no such data set.
        """
        with self._change() as connection:
            row = self._view.find(connection, datasets, dataset_id)
            if row.name != name and self._view.is_taken(connection, datasets, name, row.owner):
                raise DatasetError(f"Another data set is called {name!r}. Choose another name.")
            connection.execute(datasets.update().where(datasets.c.id == row.id).values(name=name))
            return dataset_from_row(self._view.find(connection, datasets, row.id))

    def delete_dataset(
        self, dataset_id: str, *, with_runs: bool = False, hide: Callable[[Sequence[str]], object] = lambda _: None
    ) -> list[str]:
        """Remove a data set from the database.

        Args:
            dataset_id: id or name.
            with_runs: delete its runs too.
            hide: called with the ids of its runs after all checks, before the commit; an exception it raises prevents the change.

        Returns:
            Ids of the runs that were removed with it.

        Raises:
            DatasetError: it has runs and ``with_runs`` is not set, or one of them is running.
            NotFoundError: there is no such data set.
        """
        with self._change() as connection:
            record = dataset_from_row(self._view.find(connection, datasets, dataset_id))
            of_dataset = runs.c.dataset_id == record.id
            states = {row.id: row.state for row in connection.execute(sa.select(runs.c.id, runs.c.state).where(of_dataset))}
            count = "1 run uses" if len(states) == 1 else f"{len(states)} runs use"
            if states and not with_runs:
                raise DatasetError(f"{count} data set {record.name!r}. Delete the runs first, or together with it.")
            if RunState.RUNNING in states.values():
                raise DatasetError(f"{count} data set {record.name!r}, and one of them is running. Stop it first.")
            hide(list(states))
            connection.execute(runs.delete().where(of_dataset))
            connection.execute(datasets.delete().where(datasets.c.id == record.id))
            return list(states)

    # --- runs: reading -----------------------------------------------------------------------------------------------------

    def runs(self, *, dataset_id: str | None = None) -> list[RunRecord]:
        """Every run, or those of one data set, newest first."""
        query = sa.select(runs).where(self._view.seen(runs)).order_by(runs.c.created_at.desc(), runs.c.id.desc())
        if dataset_id is not None:
            query = query.where(runs.c.dataset_id == dataset_id)
        with self._read() as connection:
            return [run_from_row(row) for row in connection.execute(query)]

    def run(self, id_or_name: str) -> RunRecord:
        """One run.

        Raises:
            NotFoundError: nothing has this id or name.
        """
        with self._read() as connection:
            return run_from_row(self._view.find(connection, runs, id_or_name))

    def queue(self) -> list[RunRecord]:
        """Queued runs, in the order in which they will start."""
        return self._in_state(RunState.QUEUED)

    def running(self) -> list[RunRecord]:
        """Running runs, in the order in which they were queued."""
        return self._in_state(RunState.RUNNING)

    @property
    def lists(self) -> RunLists:
        """Queries for lists of runs, also if there are very many."""
        return RunLists(self._engine, self._view)

    @property
    def order(self) -> QueueOrder:
        """Order and settings of the queue."""
        return QueueOrder(self._engine, self._view)

    # --- runs: changing ----------------------------------------------------------------------------------------------------

    def add_run(self, record: RunRecord) -> RunRecord:
        """Add a queued run at the end of the queue; if its name is taken, it gets a number.

        Raises:
            NotFoundError: its data set is not in the database.
        """
        if record.state is not RunState.QUEUED:
            raise ValueError(f"a new run is queued, not {record.state}")
        with self._change() as connection:
            self._view.find(connection, datasets, record.dataset_id)
            connection.execute(runs.delete().where(runs.c.id == record.id))  # a rebuild may have added its folder
            owner = record.owner or self._view.owner
            name = self._view.free_name(connection, runs, record.name, owner)
            record = dataclasses.replace(record, name=name, owner=owner)
            connection.execute(runs.insert().values(**row_of_run(record), queue_position=next_position(connection)))
        return record

    def start_run(self, run_id: str, *, events_offset: int, worker: WorkerIdentity | None = None) -> RunRecord:
        """Move a queued run to running. Of several processes that try, one succeeds.

        Args:
            run_id: id of the run.
            events_offset: size of ``events.jsonl`` now; the events of this attempt come after it.
            worker: the process that will work on it, if it exists already.

        Raises:
            RunError: it is no longer queued.
            NotFoundError: it was deleted.
        """
        started = {
            "started_at": datetime.now(UTC),
            "events_offset": events_offset,
            **({} if worker is None else columns_of(worker)),
        }
        return self._move(run_id, RunState.RUNNING, lambda _: started)

    def set_worker(self, run_id: str, worker: WorkerIdentity) -> RunRecord:
        """Record which process works on a running run."""
        return self._update(run_id, **columns_of(worker))

    def end_run(
        self,
        run_id: str,
        state: RunState,
        *,
        message: str | None = None,
        finished_at: datetime | None = None,
        headline_name: str | None = None,
        headline: float | None = None,
    ) -> RunRecord:
        """Move a run to a final state.

        Raises:
            RunError: its current state does not allow that.
            NotFoundError: it was deleted.
        """
        if not state.is_final:
            raise ValueError(f"{state} is not an end")
        ended = {"finished_at": finished_at or datetime.now(UTC), "message": message}
        return self._move(run_id, state, lambda _: {**ended, "headline_name": headline_name, "headline": headline})

    def requeue(self, run_id: str, *, finish_early: bool) -> RunRecord:
        """Put a run that ended early at the end of the queue again.

        Raises:
            RunError: it has succeeded or has not ended.
            NotFoundError: there is no such run.
        """

        def values(record: RunRecord) -> dict[str, Any]:
            worked_s = record.earlier_s if record.duration_s is None else record.duration_s
            return {"finish_early": finish_early, "earlier_s": worked_s, "started_at": None, "finished_at": None}

        return self._move(run_id, RunState.QUEUED, values)

    def continue_run(self, run_id: str, *, finished_at: datetime) -> RunRecord:
        """Queue a run whose worker was killed again, at its old place: the steps to interrupted and queued in one change.

        Args:
            run_id: id of the run.
            finished_at: when the worker last wrote something.

        Raises:
            RunError: it is not running.
            NotFoundError: it was deleted.
        """
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            place = connection.execute(sa.select(runs.c.queue_position).where(runs.c.id == record.id)).scalar_one()
            record = apply_step(connection, record, RunState.INTERRUPTED, {"finished_at": finished_at})
            worked_s = record.earlier_s if record.duration_s is None else record.duration_s
            again = {"earlier_s": worked_s, "started_at": None, "finished_at": None}
            apply_step(connection, record, RunState.QUEUED, again)
            connection.execute(runs.update().where(runs.c.id == record.id).values(queue_position=place))
            return locked_run(self._view, connection, record.id)

    def request_stop(self, run_id: str) -> RunRecord:
        """Cancel a queued run; ask a running one to stop. Asking again changes nothing.

        Raises:
            RunError: it has already ended.
            NotFoundError: there is no such run.
        """
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            if record.state is RunState.QUEUED:
                when = "it started" if record.earlier_s == 0.0 else "it resumed; its earlier training progress is unchanged"
                ended = {"finished_at": datetime.now(UTC), "message": f"Cancelled before {when}."}
                return apply_step(connection, record, RunState.CANCELLED, ended)
            if record.state is RunState.RUNNING:
                connection.execute(runs.update().where(runs.c.id == record.id).values(stop_requested=True))
                return locked_run(self._view, connection, record.id)
            if record.state is not RunState.CANCELLED:
                raise RunError(f"Run {record.name!r} has already ended: it is {record.state}. There is nothing to stop.")
            return record

    def rename_run(self, run_id: str, name: str) -> RunRecord:
        """Give a run another name.

        Raises:
            RunError: another one has it.
            NotFoundError: there is no such run.
        """
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            if record.name != name and self._view.is_taken(connection, runs, name, record.owner):
                raise RunError(f"Another run is called {name!r}. Choose another name.")
            connection.execute(runs.update().where(runs.c.id == record.id).values(name=name))
            return locked_run(self._view, connection, record.id)

    def tag_run(self, run_id: str, tags: tuple[str, ...]) -> RunRecord:
        """Replace the tags of a run."""
        return self._update(run_id, tags=list(tags))

    def delete_run(self, run_id: str, *, hide: Callable[[], object] = lambda: None) -> None:
        """Remove a run from the database.

        Args:
            run_id: id or name.
            hide: called after all checks, before the commit; an exception it raises prevents the change.

        Raises:
            RunError: it is running.
            NotFoundError: there is no such run.
        """
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            if record.state is RunState.RUNNING:
                raise RunError(f"Run {record.name!r} is running. Stop it first, then delete it.")
            hide()
            connection.execute(runs.delete().where(runs.c.id == record.id))

    # --- everything --------------------------------------------------------------------------------------------------------

    def ids(self) -> set[str]:
        """The ids of every data set and run, of all owners."""
        with self._read() as connection:
            return _ids(connection)

    @contextmanager
    def held(self) -> Iterator[set[str]]:
        """The ids of every data set and run, of all owners; inside the block, no other process can change the database."""
        with self._change() as connection:
            yield _ids(connection)

    # --- helpers -----------------------------------------------------------------------------------------------------------

    def _move(self, run_id: str, state: RunState, values: Callable[[RunRecord], dict[str, Any]]) -> RunRecord:
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            return apply_step(connection, record, state, values(record))

    def _update(self, run_id: str, **values: Any) -> RunRecord:
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            connection.execute(runs.update().where(runs.c.id == record.id).values(**values))
            return locked_run(self._view, connection, record.id)

    def _in_state(self, state: RunState) -> list[RunRecord]:
        query = (
            sa.select(runs).where(runs.c.state == state.value, self._view.seen(runs)).order_by(runs.c.queue_position, runs.c.id)
        )
        with self._read() as connection:
            return [run_from_row(row) for row in connection.execute(query)]

    def _seen_by(self, view: Visibility) -> "Store":
        seen = copy.copy(self)
        seen._view = view
        return seen

    def _read(self) -> AbstractContextManager[sa.Connection]:
        return reading(self._engine)

    def _change(self) -> AbstractContextManager[sa.Connection]:
        return changing(self._engine)


def _ids(connection: sa.Connection) -> set[str]:
    return {row.id for table in (datasets, runs) for row in connection.execute(sa.select(table.c.id))}
