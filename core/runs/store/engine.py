"""Opening the database of the catalogue, and what a change to it is.

A change holds the write lock from its start: ``BEGIN IMMEDIATE`` on SQLite, where a transaction that first reads and then writes
would otherwise fail at once whenever another process wrote in between, and one advisory lock on PostgreSQL, where two changes
could otherwise both find a name free, or the same place at the end of the queue. Readers never wait: SQLite runs in WAL mode.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from core.config.settings import Settings
from core.errors import UserError
from core.files import durable
from core.runs.store import migrations
from core.runs.store.watched_file import CatalogueFile, file_of

BUSY_TIMEOUT_S = 60.0
"""How long a change waits for another process that holds the database."""

_POSTGRESQL_LOCK = 0x74756E65
"""Number of the lock that a change of the catalogue holds on PostgreSQL."""


class NotNowError(UserError):
    """The catalogue may be whole, but cannot be read or written at the moment."""


def url_of(settings: Settings) -> sa.URL:
    """Where the database of a workspace is.

    It is put together, never written as text: a folder may be called anything, with question marks and percent signs in it.

    Raises:
        UserError: the URL that is set is none.
    """
    if not settings.database_url:
        return sa.URL.create("sqlite", database=str(settings.database_file))
    try:
        return sa.make_url(settings.database_url)
    except exc.ArgumentError as error:
        raise _unusable(error) from None


def open_database(database_url: str | sa.URL, file: CatalogueFile | None = None) -> sa.Engine:
    """Open the catalogue's database, making its tables or bringing them to the current version where need be.

    Args:
        database_url: where it is.
        file: looks at the database's file before every use, if given; closed by whoever made it.

    Raises:
        UserError: the URL leads nowhere, or to something that is not a catalogue, or to one of a later version.
    """
    try:
        engine = _engine(database_url, file)
        try:
            _bring_up_to_date(engine)
            if file is not None:
                file.begin()
        except BaseException:
            engine.dispose()
            raise
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise _unusable(error) from None
    except (exc.DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        if "locked" in str(cause):
            raise NotNowError(_in_words(str(cause))) from None
        raise UserError(
            f"The catalogue cannot be opened: {cause}. Check that the database is there, can be read and written, "
            "and is Tuneboard's; TUNEBOARD_HOME and TUNEBOARD_DATABASE_URL say where it is looked for. "
            "Where the file is damaged, 'python -m core doctor --repair' sets it aside and makes a new one from the folders."
        ) from None
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A look at what is there.

    Raises:
        UserError: the database cannot be read now.
    """
    with _said_plainly(engine), engine.connect() as connection:
        yield connection


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One change: committed as a whole at the end, or not at all if an error leaves it.

    Raises:
        UserError: the database cannot be written now, or another process holds it for too long.
    """
    with _said_plainly(engine), _change(engine) as connection:
        yield connection


@contextmanager
def _change(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(changes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S:.0f}s'"))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        yield connection


@contextmanager
def _said_plainly(engine: sa.Engine) -> Iterator[None]:
    """Say what a database in use may meet in a person's words; nothing of the change has happened then."""
    try:
        yield
    except exc.DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise UserError(
                f"The catalogue is damaged ({error.orig}). Run 'python -m core doctor --repair' with the same TUNEBOARD_HOME: it "
                "sets the damaged file aside and makes a new one from the folders. Tuneboard may go on meanwhile."
            ) from error
        if not isinstance(error, exc.OperationalError):
            raise
        engine.dispose()  # a connection that was opened while the file was read-only would stay so: the next try opens another
        raise NotNowError(_in_words(str(error.orig))) from error


def _in_words(cause: str) -> str:
    if "locked" in cause or "lock timeout" in cause:
        return (
            f"Another process has held the catalogue for more than {BUSY_TIMEOUT_S:.0f} seconds, so nothing was changed. "
            "Try again; if it stays so, end the program that has the database open."
        )
    if "readonly" in cause or "read-only" in cause:
        return (
            "The catalogue cannot be written, because its file or folder is read-only; nothing was changed. "
            "Give this user write access, or set TUNEBOARD_HOME to another folder."
        )
    if "full" in cause or "No space" in cause:
        return "There is no room on the disk to write the catalogue; nothing was changed. Make room and try again."
    return (
        f"The catalogue cannot be used now ({cause.strip().partition(chr(10))[0]}); nothing was changed. "
        "Check that its database is there and answers, then try again."
    )


def _bring_up_to_date(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with engine.connect() as connection:
        if migrations.version_of(connection) == migrations.CURRENT:
            return
    with _change(engine) as connection:
        migrations.upgrade(connection)


def _unusable(error: Exception) -> UserError:
    return UserError(
        f"The database URL cannot be used ({type(error).__name__}). Expected for instance sqlite:////path/tuneboard.db, "
        "or postgresql+psycopg://… with the package psycopg installed. Correct TUNEBOARD_DATABASE_URL."
    )


def _engine(database_url: str | sa.URL, file: CatalogueFile | None) -> sa.Engine:
    if sa.make_url(database_url).get_backend_name() != "sqlite":
        return sa.create_engine(database_url, pool_pre_ping=True)
    path = file_of(database_url)
    if path is not None and not path.exists():
        # SQLite would make it for everybody to read; what it puts beside the file is like the file.
        with contextlib.suppress(OSError):  # SQLite says why it cannot be made
            durable.open_to_append(path).close()
    engine = sa.create_engine(database_url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        changes = connection.get_execution_options().get("changes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if changes else "BEGIN")

    if file is not None:
        _look_at_file(engine, file)
    return engine


def _look_at_file(engine: sa.Engine, file: CatalogueFile) -> None:
    """Have a new connection and every one that is used again lead to the file that lies at the path now."""

    @sa.event.listens_for(engine, "do_connect")
    def _before_opening(*_: Any) -> None:
        file.check()

    @sa.event.listens_for(engine, "connect")
    def _after_opening(_: Any, record: Any) -> None:
        record.info["file"] = file.opened

    @sa.event.listens_for(engine, "checkout")
    def _before_use(_connection: Any, record: Any, _proxy: Any) -> None:
        file.check()
        if record.info["file"] is not file.opened:
            raise exc.InvalidatePoolError  # all that were opened before are closed, and a new one is opened


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
