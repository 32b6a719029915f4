"""Importing a database that was deleted or replaced while in use into the one that is there now.

The folders do not contain a data set's name and owner, or the order of the queue. The lost file does, and can be read as long as
a process has it open.
"""

import sqlite3
from collections.abc import Sequence

import sqlalchemy as sa

from core.runs.store.tables import datasets, runs, switches
from core.runs.store.watched_file import OpenFile

_CARRIED = "catalogue.carried_over "
"""Prefix of a switch's name, followed by the number of a lost file: its rows were imported. Several processes may have had the
file open, and changes made since the first of them imported its rows must not be overwritten."""


def carry_over(connection: sa.Connection, lost: OpenFile) -> int:
    """Import every row of a lost database. Rows of the current one with the same keys are replaced; other rows stay.

    The lost one was in use until now, so its rows are newer: in a backup that replaced it, runs could be queued that have ended.

    Args:
        connection: of a change of the current database.
        lost: the file that was there before.

    Returns:
        The number of data sets and runs that were imported; 0 if the lost file cannot be read, or another process was faster.
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
    connection.execute(switches.delete().where(switches.c.name == carried))  # of an earlier file with the same number
    connection.execute(switches.insert().values(name=carried, value=True))
    return len(lines[datasets]) + len(lines[runs])


def _lines(lost: OpenFile, table: sa.Table) -> Sequence[tuple[object, ...]]:
    """The rows of a table as SQLite stores them."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return lost.connection.execute(f"SELECT {names} FROM {table.name}").fetchall()
