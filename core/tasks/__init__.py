"""The tasks Tuneboard knows; everybody else in core asks one of these objects and never tests which it is."""

from core.errors import NotFoundError, shown
from core.tasks.base import SPLITS, Encoded, Headline, ReadExamples, Role, Roles, Task
from core.tasks.multi_label import MultiLabel
from core.tasks.single_label import SingleLabel
from core.tasks.skip_reasons import Reason, SetAside
from core.tasks.token_classification import TokenClassification

TASKS: dict[str, Task] = {task.name: task for task in (SingleLabel(), MultiLabel(), TokenClassification())}


def get_task(name: str) -> Task:
    """The task of this name.

    Raises:
        NotFoundError: there is no such task.
    """
    try:
        return TASKS[name]
    except KeyError:
        raise NotFoundError(f"There is no task {shown(name)}. Choose one of {', '.join(TASKS)}.") from None


__all__ = [
    "SPLITS",
    "TASKS",
    "Encoded",
    "Headline",
    "ReadExamples",
    "Reason",
    "Role",
    "Roles",
    "SetAside",
    "Task",
    "get_task",
]
