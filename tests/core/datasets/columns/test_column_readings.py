"""Every task can read examples from a table."""

from core.datasets.columns import COLUMN_READINGS, column_reading
from core.tasks import TASKS


def test_every_task_can_be_read_from_a_table() -> None:
    assert COLUMN_READINGS.keys() == TASKS.keys()
    for task in TASKS.values():
        names = [role.name for role in column_reading(task).ROLES]
        assert names
        assert len(names) == len(set(names))
