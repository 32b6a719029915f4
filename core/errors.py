"""Errors meant for the person in front of the screen.

Each message says what was found, what was expected and what to do next. Anything that is not a ``UserError`` is a fault of the
program and is reported as such; a ``UserError`` is shown as it is, without a traceback.
"""

from core.text_format import LONGEST_SHOWN


class UserError(Exception):
    """Something the person can put right; ``str(error)`` is the whole message to show."""


class InputFileError(UserError):
    """A file cannot be read as what it claims or seems to be."""


class DatasetError(UserError):
    """The rows were read, but cannot become (or are not) a data set that can be trained on."""


class ConfigError(UserError):
    """A run config has an unknown key, a value out of range or an impossible combination.

    Args:
        field: dotted name of the field, such as ``optimizer.learning_rate``.
        problem: what was found, what is allowed, and what to do next.
        place: where it was said, such as ``line 12``, if that is known.
    """

    def __init__(self, field: str, problem: str, *, place: str = "") -> None:
        field = field if len(field) <= LONGEST_SHOWN else f"{field[: LONGEST_SHOWN - 1]}…"
        super().__init__(f"{field} ({place}): {problem}" if place else f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.place = place


class ModelError(UserError):
    """A model reference does not lead to a model that can be used here."""


class RunError(UserError):
    """A run cannot do what was asked of it in its present state, or failed while it was at work."""


class NotFoundError(UserError):
    """Nothing in the workspace has this id or name."""
