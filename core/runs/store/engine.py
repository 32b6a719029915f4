"""Opening the database, and transactions that read and change it.

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
"""How long a change waits for another process that has locked the database."""

_POSTGRESQL_LOCK = 0x74756E65
"""Number of the advisory lock that a change holds on PostgreSQL."""


class NotNowError(UserError):
    """The database may be intact, but cannot be read or written at the moment."""


def url_of(settings: Settings) -> sa.URL:
    """The database URL of a workspace.

    It is built as an object, not as text: a folder's name may contain anything, such as question marks and percent signs.

    Raises:
        UserError: the URL in the settings is not valid.
    """
    if not settings.database_url:
        return sa.URL.create("sqlite", database=str(settings.database_file))
    try:
        return sa.make_url(settings.database_url)
    except exc.ArgumentError as error:
        raise _unusable(error) from None


def open_database(database_url: str | sa.URL, file: CatalogueFile | None = None) -> sa.Engine:
    """Open the database, creating its tables or migrating them to the current version if necessary.

    Args:
        database_url: where it is.
        file: checks the database's file before every use, if given; the caller closes it.

    Raises:
        UserError: there is no usable database at the URL, or it is of a later version of Tuneboard.
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
            f"The database cannot be opened: {cause}. Check that it exists, can be read and written, and belongs to Tuneboard; "
            "TUNEBOARD_HOME and TUNEBOARD_DATABASE_URL set where it is. "
            "If the file is damaged, 'python -m core doctor --repair' renames it and rebuilds the database from the folders."
        ) from None
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for reading.

    Raises:
        UserError: the database cannot be read now.
    """
    with _readable_errors(engine), engine.connect() as connection:
        yield connection


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One change: committed as a whole at the end, or rolled back if an error is raised.

    Raises:
        UserError: the database cannot be written now, or another process locks it for too long.
    """
    with _readable_errors(engine), _change(engine) as connection:
        yield connection


@contextmanager
def _change(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(changes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S:.0f}s'"))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        yield connection


@contextmanager
def _readable_errors(engine: sa.Engine) -> Iterator[None]:
    """Turn database errors into sentences for the user; the change was rolled back then."""
    try:
        yield
    except exc.DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise UserError(
                f"The database is damaged ({error.orig}). Run 'python -m core doctor --repair' with the same TUNEBOARD_HOME: it "
                "renames the damaged file and rebuilds the database from the folders. Tuneboard may keep running meanwhile."
            ) from error
        if not isinstance(error, exc.OperationalError):
            raise
        engine.dispose()  # a connection opened while the file was read-only would stay so: the next try opens another
        raise NotNowError(_in_words(str(error.orig))) from error


def _in_words(cause: str) -> str:
    if "locked" in cause or "lock timeout" in cause:
        return (
            f"Another process has locked the database for more than {BUSY_TIMEOUT_S:.0f} seconds, so nothing was changed. "
            "Try again; if the error persists, end the program that has the database open."
        )
    if "readonly" in cause or "read-only" in cause:
        return (
            "The database cannot be written, because its file or folder is read-only; nothing was changed. "
            "Give this user write access, or set TUNEBOARD_HOME to another folder."
        )
    if "full" in cause or "No space" in cause:
        return "The disk is full, so the database cannot be written; nothing was changed. Free up disk space and try again."
    return (
        f"The database cannot be used now ({cause.strip().partition(chr(10))[0]}); nothing was changed. "
        "Check that it exists and can be reached, then try again."
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
        f"The database URL is not valid ({type(error).__name__}). Expected for example sqlite:////path/tuneboard.db, "
        "or postgresql+psycopg://… with the package psycopg installed. Correct TUNEBOARD_DATABASE_URL."
    )


def _engine(database_url: str | sa.URL, file: CatalogueFile | None) -> sa.Engine:
    if sa.make_url(database_url).get_backend_name() != "sqlite":
        return sa.create_engine(database_url, pool_pre_ping=True)
    path = file_of(database_url)
    if path is not None and not path.exists():
        # SQLite would create it readable by everybody; the files it puts beside get the same permissions.
        with contextlib.suppress(OSError):  # SQLite reports why it cannot be created
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
        _check_file_before_use(engine, file)
    return engine


def _check_file_before_use(engine: sa.Engine, file: CatalogueFile) -> None:
    """Make sure that new and reused connections refer to the file that is at the path now."""

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
            raise exc.InvalidatePoolError  # all earlier connections are closed, and a new one is opened


def _use_wal(engine: sa.Engine) -> None:
    """Switch the file to write-ahead logging; this statement does not wait for other processes, so it is retried."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        connection = engine.raw_connection()  # the switch is refused inside a transaction
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # SQLite's own busy timeout does not apply to a change of the journal mode
        finally:
            connection.close()
