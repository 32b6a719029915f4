"""A database of any version is migrated to the current version, and keeps its content."""

import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.errors import UserError
from core.runs.store import migrations
from core.runs.store.engine import open_database
from core.runs.store.store import Store
from core.runs.store.tables import metadata
from tests.core.runs.made_records import DATASET, RUN

FIRST_CATALOGUE = """
CREATE TABLE datasets (
    id VARCHAR(64) NOT NULL, name TEXT NOT NULL, task VARCHAR(64) NOT NULL, num_examples INTEGER NOT NULL,
    num_labels INTEGER NOT NULL, content_hash VARCHAR(64) NOT NULL, created_at DATETIME NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_datasets_name ON datasets (name);
CREATE TABLE runs (
    id VARCHAR(64) NOT NULL, name TEXT NOT NULL, dataset_id VARCHAR(64) NOT NULL, task VARCHAR(64) NOT NULL,
    model TEXT NOT NULL, recipe VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, queue_position INTEGER NOT NULL,
    created_at DATETIME NOT NULL, started_at DATETIME, finished_at DATETIME, earlier_s DOUBLE NOT NULL, headline_name TEXT,
    headline DOUBLE, message TEXT, stop_requested BOOLEAN NOT NULL, finish_early BOOLEAN NOT NULL,
    events_offset BIGINT NOT NULL, worker_pid INTEGER, worker_started_at DOUBLE, worker_boot_id VARCHAR(64),
    tags JSON NOT NULL, PRIMARY KEY (id), FOREIGN KEY(dataset_id) REFERENCES datasets (id));
CREATE INDEX ix_runs_name ON runs (name);
CREATE INDEX ix_runs_created_at ON runs (created_at);
CREATE INDEX ix_runs_state ON runs (state);
CREATE INDEX ix_runs_dataset_id ON runs (dataset_id);
INSERT INTO datasets VALUES ('d1', 'tickets', 'single_label', 4, 2, 'h', '2026-03-01 12:00:00.000000');
INSERT INTO runs (id, name, dataset_id, task, model, recipe, state, queue_position, created_at, earlier_s, stop_requested,
    finish_early, events_offset, tags)
    VALUES ('r1', 'first', 'd1', 'single_label', 'bundled', 'automatic', 'queued', 1, '2026-03-01 12:00:00.000000',
        0, 0, 0, 0, '[]');
"""
"""A database as the first version made it, before there was a table with the version."""


@pytest.fixture
def first_catalogue(tmp_path: Path) -> Path:
    file = tmp_path / "tuneboard.db"
    connection = sqlite3.connect(file)
    connection.executescript(FIRST_CATALOGUE)
    connection.close()
    return file


def differences(engine: sa.Engine) -> list[object]:
    """What would have to change for the database to be as ``core.runs.store.tables`` says."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_the_steps_lead_to_the_tables_the_program_works_with(url: str) -> None:
    engine = open_database(url)

    assert differences(engine) == []
    engine.dispose()


def test_a_catalogue_from_before_versions_is_brought_up_to_date_and_keeps_what_it_holds(first_catalogue: Path) -> None:
    store = Store(f"sqlite:///{first_catalogue}")

    assert store.dataset("tickets") == DATASET
    assert store.queue() == [RUN]
    assert differences(store._engine) == []
    store.close()


def test_many_who_open_an_old_catalogue_at_once_bring_it_up_to_date_once(first_catalogue: Path) -> None:
    faults: list[Exception] = []

    def open_one() -> None:
        try:
            Store(f"sqlite:///{first_catalogue}").close()
        except Exception as error:  # noqa: BLE001 (whatever it is, the test shows it)
            faults.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []


def test_a_catalogue_of_a_later_version_is_refused_and_left_as_it_is(url: str) -> None:
    Store(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(UserError, match=r"newer Tuneboard.*Update Tuneboard"):
        Store(url)

    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == ["9999"]
    engine.dispose()


def test_a_step_that_fails_leaves_the_catalogue_as_it_was(first_catalogue: Path) -> None:
    connection = sqlite3.connect(first_catalogue)
    with connection:
        connection.execute("ALTER TABLE runs ADD COLUMN owner TEXT")  # the step adds it too, after it has changed the other table
    before = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()

    with pytest.raises(UserError, match="cannot be opened"):
        Store(f"sqlite:///{first_catalogue}")

    assert connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
    connection.close()


def test_the_last_step_is_the_version_the_program_names() -> None:
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [migrations.CURRENT]
