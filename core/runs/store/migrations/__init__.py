"""Migrations of the database: how a database of any earlier version is brought to the current one.

Each step is a module in ``versions/``, written once and never changed afterwards. A database says in ``alembic_version`` which
step it has reached. The first databases were made before there was such a table; they are recognized by their two tables and
count as the first version.
"""

import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.errors import UserError

FIRST = "0001"
"""The version of a database that does not say its version."""

CURRENT = "0003"
"""The version this program works with: the last module in ``versions/``."""

_one_at_a_time = threading.Lock()  # alembic keeps the running migration in a module variable


def version_of(connection: sa.Connection) -> str | None:
    """The version of a database's tables; ``None`` if it has none yet.

    Raises:
        UserError: a later version of Tuneboard made it.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in tables:
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found > CURRENT:
            raise UserError(
                f"The database has version {found}, and this Tuneboard supports versions up to {CURRENT}: a newer Tuneboard has "
                "used this workspace. Update Tuneboard, or set TUNEBOARD_HOME to another folder. Nothing was changed."
            )
        if found is not None:
            return found
    return FIRST if {"datasets", "runs"} <= tables else None


def upgrade(connection: sa.Connection) -> None:
    """Migrate the database to the current version, as part of the transaction that the connection is in.

    Raises:
        UserError: a later version of Tuneboard made it.
    """
    # Imported here: alembic takes time to import, and nearly every database is up to date.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    found = version_of(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    steps = ScriptDirectory.from_config(config)

    def to_current(reached: Any, _: Any) -> Any:
        if not reached and found is not None:
            return steps._stamp_revs(found, reached) + steps._upgrade_revs(CURRENT, found)
        return steps._upgrade_revs(CURRENT, reached)

    with _one_at_a_time, EnvironmentContext(config, steps, fn=to_current, destination_rev=CURRENT) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
