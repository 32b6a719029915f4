"""The plan of an import: task, columns and splits, first guessed and then changed by the user."""

from dataclasses import dataclass

import pandas as pd

from core.datasets.columns import Roles, column_reading
from core.datasets.split_column import guess_split_column
from core.datasets.table import Table
from core.tasks import TASKS, get_task


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """How a table becomes a data set; the Data page lets the user change it.

    Attributes:
        task: name of the task.
        roles: role -> columns, as ``ColumnReading.ROLES`` declares them.
        split_column: column of the main table with the split of each row, if there is one.
        group_column: column of the main table whose groups must stay within one split, if there is one.
        time_column: column of the main table with the date or time of each row, for a split by time.
        time_order: which number of a date is the day; one of ``parse_dates.ORDERS``.
        fractions: proportions of train, validation and test, if the splits have to be created.
        seed: random seed of the splits.
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
    """Name of the task that fits a table best; the first task if none fits."""
    return max(TASKS, key=lambda name: column_reading(TASKS[name]).recognises(rows))


def guess_plan(table: Table, task: str | None = None) -> ImportPlan:
    """A plan with the guessed task, columns and split column.

    Args:
        table: the main table.
        task: name of the task, if the user has chosen it.
    """
    name = task or guess_task(table.rows)
    split_column = guess_split_column(table.rows)
    rows = table.rows.drop(columns=[split_column]) if split_column is not None else table.rows
    return ImportPlan(task=name, roles=column_reading(get_task(name)).guess_roles(rows), split_column=split_column)
