"""What a catalogue that was deleted or replaced in use knew, entered into the one that is there now.

A folder does not tell what its data set is called, to whom it belongs, or which runs waited in which order. The file that is gone
does, for as long as a process has it open.
"""

import sqlite3
from collections.abc import Sequence

import sqlalchemy as sa

from core.runs.store.tables import datasets, runs, switches
from core.runs.store.watched_file import OpenFile

_CARRIED = "catalogue.carried_over "
"""Start of the name of a switch that says, with the number of a lost file, that its lines are here. Several processes may have
had it open, and what was changed since the first of them brought its lines must stay so."""


def carry_over(connection: sa.Connection, lost: OpenFile) -> int:
    """Enter every line of a lost catalogue, in place of those that the one of now has of the same things; other lines stay.

    The lost one was in use until a moment ago, so it knows best: a backup in its place would let runs wait that have ended since.

    Args:
        connection: of a change of the catalogue that is there now.
        lost: the file that was there before.

    Returns:
        How many lines of data sets and runs were entered; 0 where the lost file cannot be read, or another process was faster.
    """
    carried = f"{_CARRIED}{lost.number}"
    if connection.execute(sa.select(switches.c.name).where(switches.c.name == carried)).first() is not None:
        return 0
    try:
        lines = {table: _lines(lost, table) for table in (switches, datasets, runs)}
    except sqlite3.Error:
        return 0
    for table, found in lines.items():
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        places = ", ".join("?" for _ in table.columns)
        for line in found:
            connection.exec_driver_sql(f"INSERT OR REPLACE INTO {table.name} ({names}) VALUES ({places})", tuple(line))
    connection.execute(switches.delete().where(switches.c.name == carried))  # of a file that had this number long ago
    connection.execute(switches.insert().values(name=carried, value=True))
    return len(lines[datasets]) + len(lines[runs])


def _lines(lost: OpenFile, table: sa.Table) -> Sequence[tuple[object, ...]]:
    """The lines of a table as SQLite keeps them."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return lost.connection.execute(f"SELECT {names} FROM {table.name}").fetchall()
