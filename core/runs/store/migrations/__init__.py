"""The catalogue's tables through the versions: how a database of any earlier version becomes one of this.

Each step is a module in ``versions/``, written once and never changed afterwards. A database says in ``alembic_version`` which
step it has reached. The first catalogues were made before there was such a table; they are known by their two tables and are the
first version.
"""

import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.errors import UserError

FIRST = "0001"
"""The version of a catalogue that does not say its version."""

CURRENT = "0003"
"""The version this program works with: the last module in ``versions/``."""

_one_at_a_time = threading.Lock()  # alembic keeps the migration at work in a variable of its module


def version_of(connection: sa.Connection) -> str | None:
    """The version of the catalogue in a database, or nothing where there is none yet.

    Raises:
        UserError: a later Tuneboard made it.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in tables:
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found > CURRENT:
            raise UserError(
                f"The catalogue is of version {found}, and this Tuneboard knows versions up to {CURRENT}: a newer Tuneboard has "
                "used this workspace. Update Tuneboard, or set TUNEBOARD_HOME to another folder. Nothing was changed."
            )
        if found is not None:
            return found
    return FIRST if {"datasets", "runs"} <= tables else None


def upgrade(connection: sa.Connection) -> None:
    """Bring the catalogue to the current version, as part of the transaction that the connection is in.

    Raises:
        UserError: a later Tuneboard made it.
    """
    # Imported here: a catalogue that is up to date, which is nearly every one, should not cost the time to import alembic.
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
