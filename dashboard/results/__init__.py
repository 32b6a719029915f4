"""How each task's results are drawn: one module per task, and the only place of the dashboard that depends on the task.

A new task adds a module with the functions of ``view.TaskScreens`` and a line here.
"""

from core.errors import NotFoundError
from dashboard.results import multi_label, single_label, token_classification
from dashboard.results.view import Focus, SplitView, TaskScreens

SCREENS: dict[str, TaskScreens] = {
    "single_label": single_label,
    "multi_label": multi_label,
    "token_classification": token_classification,
}


def screens_of(task: str) -> TaskScreens:
    """The screens of a task.

    Raises:
        NotFoundError: the dashboard has none.
    """
    try:
        return SCREENS[task]
    except KeyError:
        raise NotFoundError(f"The dashboard cannot show task {task!r}. Use the command line: python -m core show RUN.") from None


__all__ = ["SCREENS", "Focus", "SplitView", "TaskScreens", "screens_of"]
