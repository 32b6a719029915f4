"""The current tables of the database, and the conversion between rows and records.

A change of a table needs a new step in ``migrations/versions/`` as well.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from core.runs.store.records import DatasetRecord, RunRecord, RunState, WorkerIdentity


class _UtcTime(sa.types.TypeDecorator[datetime]):
    """A time: stored in UTC without a time zone, which every database supports, and returned with the time zone."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("task", sa.String(64), nullable=False),
    sa.Column("num_examples", sa.Integer, nullable=False),
    sa.Column("num_labels", sa.Integer, nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("created_at", _UtcTime, nullable=False),
    sa.Column("parent_id", sa.String(64)),
    sa.Column("change", sa.Text),
    sa.Column("owner", sa.Text, index=True),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("dataset_id", sa.String(64), sa.ForeignKey(datasets.c.id), nullable=False, index=True),
    sa.Column("task", sa.String(64), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("recipe", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("queue_position", sa.Integer, nullable=False),
    sa.Column("created_at", _UtcTime, nullable=False, index=True),
    sa.Column("started_at", _UtcTime),
    sa.Column("finished_at", _UtcTime),
    sa.Column("earlier_s", sa.Double, nullable=False),
    sa.Column("headline_name", sa.Text),
    sa.Column("headline", sa.Double),
    sa.Column("message", sa.Text),
    sa.Column("stop_requested", sa.Boolean, nullable=False),
    sa.Column("finish_early", sa.Boolean, nullable=False),
    sa.Column("events_offset", sa.BigInteger, nullable=False),
    sa.Column("worker_pid", sa.Integer),
    sa.Column("worker_started_at", sa.Double),
    sa.Column("worker_boot_id", sa.String(64)),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("owner", sa.Text, index=True),
)

switches = sa.Table(
    "switches", metadata, sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.JSON, nullable=False)
)


def row_of_dataset(record: DatasetRecord) -> dict[str, Any]:
    """Column -> value of a data set's row."""
    return {column.name: getattr(record, column.name) for column in datasets.columns}


def dataset_from_row(row: sa.Row[Any]) -> DatasetRecord:
    """The record of a data set's row."""
    return DatasetRecord(**row._mapping)


def row_of_run(record: RunRecord) -> dict[str, Any]:
    """Column -> value of a run's row, without its place in the queue and its worker."""
    own = {"queue_position", "worker_pid", "worker_started_at", "worker_boot_id"}
    values = {column.name: getattr(record, column.name) for column in runs.columns if column.name not in own}
    return values | {"state": record.state.value, "tags": list(record.tags)}


def run_from_row(row: sa.Row[Any]) -> RunRecord:
    """The record of a run's row; called for ten thousand rows at a time, so it must be fast."""
    values = dict(zip(_RUN_COLUMNS, row, strict=True))
    del values["queue_position"]
    pid, started_at, boot_id = values.pop("worker_pid"), values.pop("worker_started_at"), values.pop("worker_boot_id")
    values["worker"] = None if pid is None else WorkerIdentity(pid=pid, started_at=started_at, boot_id=boot_id)
    values["state"], values["tags"] = RunState(values["state"]), tuple(values["tags"])
    return RunRecord(**values)


_RUN_COLUMNS = tuple(column.name for column in runs.columns)
