"""What one person sees of the database: how data sets and runs are found, and which of their names are taken."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.errors import NotFoundError
from core.runs.store.tables import datasets
from core.text_format import shown


@dataclass(frozen=True)
class Visibility:
    """The part of the database that is visible to one person.

    Attributes:
        owner: the user whom new entries belong to; ``None`` where people do not sign in.
        sees_all: whether what belongs to others is visible too.
    """

    owner: str | None
    sees_all: bool

    def seen(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """The SQL condition for a row to be visible."""
        return sa.true() if self.sees_all else table.c.owner == self.owner

    def find(self, connection: sa.Connection, table: sa.Table, id_or_name: str, *, lock: bool = False) -> sa.Row[Any]:
        """The row of a data set or run; an id takes precedence over a name, and one's own over others'.

        Raises:
            NotFoundError: nothing visible has this id or name.
        """
        query = sa.select(table).where(sa.or_(table.c.id == id_or_name, table.c.name == id_or_name), self.seen(table))
        best_first = sa.case((table.c.id == id_or_name, 0), (table.c.owner.is_not_distinct_from(self.owner), 1), else_=2)
        query = query.order_by(best_first).limit(1)
        row = connection.execute(query.with_for_update() if lock else query).first()
        if row is None:
            kind, command = ("data set", "import one") if table is datasets else ("run", "list them with 'python -m core runs'")
            raise NotFoundError(f"There is no {kind} {shown(id_or_name)} in this workspace. Check the name or id, or {command}.")
        return row

    def is_taken(self, connection: sa.Connection, table: sa.Table, name: str, owner: str | None) -> bool:
        """Whether this owner already has something with this name; names of other owners do not count."""
        query = sa.select(table.c.id).where(table.c.name == name, table.c.owner.is_not_distinct_from(owner))
        return connection.execute(query.limit(1)).first() is not None

    def free_name(self, connection: sa.Connection, table: sa.Table, name: str, owner: str | None) -> str:
        """The name, with a number if this owner already has something with that name."""
        number, free = 1, name
        while self.is_taken(connection, table, free, owner):
            number += 1
            free = f"{name} ({number})"
        return free


EVERYTHING = Visibility(None, sees_all=True)
"""The whole database, as the scheduler, the command line and users without sign-in see it."""
