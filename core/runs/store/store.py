"""The catalogue: which data sets and runs there are, and where each run stands.

Three tables. ``datasets`` has a line for each data set. ``runs`` has a line for each run, with its state, its place in the queue,
who works on it and how it ended. ``switches`` has what is set for the queue. Bulk lies in files; what is here can be lost without
losing results.

Every change is one transaction that holds the write lock from its start, so that what was read in it is still true when it
writes. A run's state changes in ``transitions.apply_step`` and nowhere else. Times are kept in UTC.

Where people sign in, each has a view of the catalogue: what belongs to others is not there, neither to be seen nor to be changed.
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
    """One process's door to the catalogue; safe to use from several threads."""

    def __init__(self, database_url: str | sa.URL, file: CatalogueFile | None = None) -> None:
        """Open the catalogue, making its tables where they are not there yet.

        Args:
            database_url: where it is.
            file: looks whether the catalogue's file was deleted or replaced while this is open; without it, nobody does.

        Raises:
            UserError: the URL leads nowhere, or to something that is not a catalogue.
        """
        self._file = file
        self._engine = open_database(database_url, file)
        self._view = EVERYTHING

    def close(self) -> None:
        """Let go of the database."""
        if self._file is not None:
            self._file.close()
        self._engine.dispose()

    def for_user(self, owner: str, *, sees_all: bool) -> "Store":
        """The catalogue as one person sees it, on the same connections; what they enter belongs to them.

        Args:
            owner: the person's name.
            sees_all: whether what belongs to others is there for them, too.
        """
        return self._seen_by(Visibility(owner, sees_all))

    def everybodys(self) -> "Store":
        """The whole catalogue, on the same connections, for questions whose answer tells nothing of what belongs to whom."""
        return self._seen_by(EVERYTHING)

    # --- data sets ---------------------------------------------------------------------------------------------------------

    def add_dataset(self, record: DatasetRecord) -> DatasetRecord:
        """Enter a data set; where its name is taken, it gets a number."""
        with self._change() as connection:
            connection.execute(datasets.delete().where(datasets.c.id == record.id))  # a rebuilding may have met its folder
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
        """Take a data set out of the catalogue.

        Args:
            dataset_id: id or name.
            with_runs: delete its runs too.
            hide: told the ids of its runs once nothing speaks against it, before the change counts; what it raises prevents it.

        Returns:
            ids of the runs that went with it.

        Raises:
            DatasetError: it has runs and ``with_runs`` is not set, or one of them is at work.
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
                raise DatasetError(f"{count} data set {record.name!r}, one of them now. Stop it first.")
            hide(list(states))
            connection.execute(runs.delete().where(of_dataset))
            connection.execute(datasets.delete().where(datasets.c.id == record.id))
            return list(states)

    # --- runs: looking -----------------------------------------------------------------------------------------------------

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
        """Runs that wait, in the order in which they will start."""
        return self._in_state(RunState.QUEUED)

    def running(self) -> list[RunRecord]:
        """Runs at work, in the order in which they were queued."""
        return self._in_state(RunState.RUNNING)

    @property
    def lists(self) -> RunLists:
        """Looks at the runs where there may be very many."""
        return RunLists(self._engine, self._view)

    @property
    def order(self) -> QueueOrder:
        """What people decide about the queue."""
        return QueueOrder(self._engine, self._view)

    # --- runs: changing ----------------------------------------------------------------------------------------------------

    def add_run(self, record: RunRecord) -> RunRecord:
        """Enter a queued run at the end of the queue; where its name is taken, it gets a number.

        Raises:
            NotFoundError: its data set is not in the catalogue.
        """
        if record.state is not RunState.QUEUED:
            raise ValueError(f"a new run is queued, not {record.state}")
        with self._change() as connection:
            self._view.find(connection, datasets, record.dataset_id)
            connection.execute(runs.delete().where(runs.c.id == record.id))  # a rebuilding may have met its folder
            owner = record.owner or self._view.owner
            name = self._view.free_name(connection, runs, record.name, owner)
            record = dataclasses.replace(record, name=name, owner=owner)
            connection.execute(runs.insert().values(**row_of_run(record), queue_position=next_position(connection)))
        return record

    def start_run(self, run_id: str, *, events_offset: int, worker: WorkerIdentity | None = None) -> RunRecord:
        """Move a queued run to running. Of several who try, one succeeds.

        Args:
            run_id: id of the run.
            events_offset: size of ``events.jsonl`` now; what this attempt says of itself comes after it.
            worker: the process that will work on it, where it is there already.

        Raises:
            RunError: it is not queued any more.
            NotFoundError: it was deleted.
        """
        started = {
            "started_at": datetime.now(UTC),
            "events_offset": events_offset,
            **({} if worker is None else columns_of(worker)),
        }
        return self._move(run_id, RunState.RUNNING, lambda _: started)

    def set_worker(self, run_id: str, worker: WorkerIdentity) -> RunRecord:
        """Note which process works on a running run."""
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
            RunError: it cannot go there from where it is.
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
        """Let a run whose worker was killed wait to go on, before those that waited behind it: interrupted and queued in one.

        Args:
            run_id: id of the run.
            finished_at: when the worker last lived.

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
        """Cancel a run that waits; ask one at work to stop. Asking again changes nothing.

        Raises:
            RunError: it has ended by itself.
            NotFoundError: there is no such run.
        """
        with self._change() as connection:
            record = locked_run(self._view, connection, run_id)
            if record.state is RunState.QUEUED:
                when = "it started" if record.earlier_s == 0.0 else "it went on; what it had learned earlier is as it was"
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
        """Give a run these tags in place of those it has."""
        return self._update(run_id, tags=list(tags))

    def delete_run(self, run_id: str, *, hide: Callable[[], object] = lambda: None) -> None:
        """Take a run out of the catalogue.

        Args:
            run_id: id or name.
            hide: called once nothing speaks against it, before the change counts; what it raises prevents it.

        Raises:
            RunError: it is at work.
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
        """The ids of every data set and run, whoever's they are."""
        with self._read() as connection:
            return _ids(connection)

    @contextmanager
    def held(self) -> Iterator[set[str]]:
        """The ids of every data set and run, whoever's they are; while the block lasts, no process changes anything."""
        with self._change() as connection:
            yield _ids(connection)

    # --- how ---------------------------------------------------------------------------------------------------------------

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
