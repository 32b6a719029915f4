"""From a table to examples: which columns have which role for each task, and how their cells are read."""

from core.datasets.columns import multi_label, single_label, token_classification
from core.datasets.columns.column_reading import ColumnReading, ReadExamples, Role, Roles
from core.tasks import Task

COLUMN_READINGS: dict[str, ColumnReading] = {
    "single_label": single_label,
    "multi_label": multi_label,
    "token_classification": token_classification,
}
"""Name of a task -> how its examples are read from a table."""


def column_reading(task: Task) -> ColumnReading:
    """How a task's examples are read from a table."""
    return COLUMN_READINGS[task.name]


__all__ = ["COLUMN_READINGS", "ColumnReading", "ReadExamples", "Role", "Roles", "column_reading"]
