"""Errors with messages for users.

Each message states what was found, what was expected and what to do next. A ``UserError`` is shown unchanged, without a
traceback; any other exception is an unexpected error and is reported as a bug.
"""

from core.text_format import LONGEST_SHOWN


class UserError(Exception):
    """An error that the user can fix; ``str(error)`` is the complete message to show."""


class InputFileError(UserError):
    """A file cannot be read in its declared or detected format."""


class DatasetError(UserError):
    """The rows were read, but cannot be used as a data set for training."""


class ConfigError(UserError):
    """A run config has an unknown key, a value out of range or an invalid combination.

    Args:
        field: dotted name of the field, such as ``optimizer.learning_rate``.
        problem: what was found, what is allowed, and what to do next.
        place: where it was given, such as ``line 12``, if known.
    """

    def __init__(self, field: str, problem: str, *, place: str = "") -> None:
        field = field if len(field) <= LONGEST_SHOWN else f"{field[: LONGEST_SHOWN - 1]}…"
        super().__init__(f"{field} ({place}): {problem}" if place else f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.place = place


class ModelError(UserError):
    """A model reference does not refer to a usable model."""


class RunError(UserError):
    """The requested action is not possible in the run's current state, or the run failed."""


class NotFoundError(UserError):
    """The workspace has no object with this id or name."""
