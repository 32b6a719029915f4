"""Opening the database of the catalogue, and what a change to it is.

A change holds the write lock from its start: ``BEGIN IMMEDIATE`` on SQLite, where a transaction that first reads and then writes
would otherwise fail at once whenever another process wrote in between, and one advisory lock on PostgreSQL, where two changes
could otherwise both find a name free, or the same place at the end of the queue. Readers never wait: SQLite runs in WAL mode.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from core.errors import UserError
from core.runs import migrations

BUSY_TIMEOUT_S = 60.0
"""How long a change waits for another process that holds the database."""

_POSTGRESQL_LOCK = 0x74756E65
"""Number of the lock that a change of the catalogue holds on PostgreSQL."""


def open_database(database_url: str) -> sa.Engine:
    """Open the catalogue's database, making its tables or bringing them to the current version where need be.

    Raises:
        UserError: the URL leads nowhere, or to something that is not a catalogue, or to one of a later version.
    """
    try:
        engine = _engine(database_url)
        try:
            _bring_up_to_date(engine)
        except BaseException:
            engine.dispose()
            raise
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserError(
            f"The database URL cannot be used ({type(error).__name__}). Expected for instance sqlite:////path/tuneboard.db, "
            "or postgresql+psycopg://… with the package psycopg installed. Correct TUNEBOARD_DATABASE_URL."
        ) from None
    except (exc.DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        raise UserError(
            f"The catalogue cannot be opened: {cause}. Check that the database is there, can be read and written, "
            "and is Tuneboard's; TUNEBOARD_HOME and TUNEBOARD_DATABASE_URL say where it is looked for. "
            "Where the file is damaged, 'python -m core doctor --repair' sets it aside and makes a new one from the folders."
        ) from None
    return engine


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One change: committed as a whole at the end, or not at all if an error leaves it."""
    with engine.connect().execution_options(changes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S:.0f}s'"))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        yield connection


def _bring_up_to_date(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with engine.connect() as connection:
        if migrations.version_of(connection) == migrations.CURRENT:
            return
    with changing(engine) as connection:
        migrations.upgrade(connection)


def _engine(database_url: str) -> sa.Engine:
    if sa.make_url(database_url).get_backend_name() != "sqlite":
        return sa.create_engine(database_url, pool_pre_ping=True)
    engine = sa.create_engine(database_url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        changes = connection.get_execution_options().get("changes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if changes else "BEGIN")

    return engine


def _use_wal(engine: sa.Engine) -> None:
    """Switch the file to write-ahead logging; the switch alone does not wait for others, so it is tried again."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        connection = engine.raw_connection()  # the switch is refused inside a transaction
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # SQLite's own busy timeout does not hold for a change of the journal mode
        finally:
            connection.close()
