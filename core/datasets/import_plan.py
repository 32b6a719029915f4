"""How a table is to become a data set: task, columns and splits, guessed first and then as the person wants them."""

from dataclasses import dataclass

import pandas as pd

from core.datasets.columns import Roles, column_reading
from core.datasets.split_column import guess_split_column
from core.datasets.table import Table
from core.tasks import TASKS, get_task


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """How a table becomes a data set; what the Data page lets a person change.

    Attributes:
        task: name of the task.
        roles: role -> columns, as ``ColumnReading.ROLES`` declares them.
        split_column: column of the main table that names the split of each row, if there is one.
        group_column: column of the main table whose groups must not be in two splits, if there is one.
        time_column: column of the main table with the moment of each row, where splits are made along time.
        time_order: which of the numbers in a date is the day; one of ``parse_dates.ORDERS``.
        fractions: shares of train, validation and test where splits have to be made.
        seed: of the splits.
    """

    task: str
    roles: Roles
    split_column: str | None = None
    group_column: str | None = None
    time_column: str | None = None
    time_order: str = "auto"
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0


def guess_task(rows: pd.DataFrame) -> str:
    """Name of the task a table most looks like; the first task where none fits."""
    return max(TASKS, key=lambda name: column_reading(TASKS[name]).recognises(rows))


def guess_plan(table: Table, task: str | None = None) -> ImportPlan:
    """A plan with the task, columns and split column that probably are meant.

    Args:
        table: the main table.
        task: name of the task, where the person has chosen it.
    """
    name = task or guess_task(table.rows)
    split_column = guess_split_column(table.rows)
    rows = table.rows.drop(columns=[split_column]) if split_column is not None else table.rows
    return ImportPlan(task=name, roles=column_reading(get_task(name)).guess_roles(rows), split_column=split_column)
