"""All tasks; other code in core calls these objects and never checks which task it is."""

from core.errors import NotFoundError
from core.tasks.base import SPLITS, Encoded, Headline, Task
from core.tasks.multi_label import MultiLabel
from core.tasks.single_label import SingleLabel
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.tasks.token_classification import TokenClassification
from core.text_format import shown

TASKS: dict[str, Task] = {task.name: task for task in (SingleLabel(), MultiLabel(), TokenClassification())}


def get_task(name: str) -> Task:
    """The task of this name.

    Raises:
        NotFoundError: there is no such task.
    """
    try:
        return TASKS[name]
    except KeyError:
        raise NotFoundError(f"Unknown task {shown(name)}. Choose one of {', '.join(TASKS)}.") from None


__all__ = [
    "SPLITS",
    "TASKS",
    "Encoded",
    "Headline",
    "Reason",
    "SkippedRecord",
    "Task",
    "get_task",
]
