"""What a catalogue that was deleted or replaced in use knew, entered into the one that is there now.

A folder does not tell what its data set is called, to whom it belongs, or which runs waited in which order. The file that is gone
does, for as long as a process has it open.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.runs.catalogue_file import OpenFile
from core.runs.records import RunState
from core.runs.tables import datasets, runs, switches
from core.settings import Settings

Line = dict[str, Any]
"""Column -> value, as SQLite keeps it."""

_FINAL = tuple(state.value for state in RunState if state.is_final)


def carry_over(connection: sa.Connection, lost: OpenFile, settings: Settings) -> int:
    """Enter the lines that only the lost catalogue has; what both have stays as it is now, but no run that has ended waits again.

    Where the catalogue of now has anything, it may come from another process that was faster, and what people have deleted since
    must not come back: only lines whose folders are there are entered then.

    Args:
        connection: of a change of the catalogue that is there now.
        lost: the file that was there before.
        settings: where the folders are.

    Returns:
        How many data sets and runs were entered; 0 where the lost file cannot be read.
    """
    try:
        lost_datasets, lost_runs, lost_switches = (_lines(lost, table) for table in (datasets, runs, switches))
    except sqlite3.Error:
        return 0
    known_datasets = set(connection.execute(sa.select(datasets.c.id)).scalars())
    state_of = {row.id: row.state for row in connection.execute(sa.select(runs.c.id, runs.c.state))}
    is_new = not known_datasets and not state_of

    def may_come_back(line: Line, folder: Path) -> bool:
        return is_new or (folder / line["id"]).is_dir()

    new_datasets = [
        line for line in lost_datasets if line["id"] not in known_datasets and may_come_back(line, settings.datasets_folder)
    ]
    known_datasets |= {line["id"] for line in new_datasets}
    new_runs = [
        line
        for line in lost_runs
        if line["id"] not in state_of and line["dataset_id"] in known_datasets and may_come_back(line, settings.runs_folder)
    ]
    ended = [line for line in lost_runs if line["state"] in _FINAL and state_of.get(line["id"], _FINAL[0]) not in _FINAL]
    for line in ended:
        connection.execute(runs.delete().where(runs.c.id == line["id"]))
    _enter(connection, datasets, new_datasets)
    _enter(connection, runs, [*new_runs, *ended])
    if is_new:
        connection.execute(switches.delete())
        _enter(connection, switches, lost_switches)
    return len(new_datasets) + len(new_runs)


def _lines(lost: OpenFile, table: sa.Table) -> list[Line]:
    columns = [column.name for column in table.columns]
    found = lost.connection.execute(f"SELECT {_quoted(columns)} FROM {table.name}")
    return [dict(zip(columns, line, strict=True)) for line in found]


def _enter(connection: sa.Connection, table: sa.Table, lines: Sequence[Line]) -> None:
    columns = [column.name for column in table.columns]
    places = ", ".join("?" for _ in columns)
    for line in lines:
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({_quoted(columns)}) VALUES ({places})", tuple(line[column] for column in columns)
        )


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
