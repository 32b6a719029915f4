"""What the training loop tells whoever started it, and the one thing it asks."""

from collections.abc import Mapping
from typing import Any, Protocol


class TrainingStopped(Exception):  # noqa: N818  (it is how a run was asked to end, not an error)
    """Training ended before its time because a stop was asked for; a checkpoint was left."""


class Recorder(Protocol):
    """Where figures and events of a run go; the worker writes them to the run directory, a test keeps them in a list."""

    def metrics(self, values: Mapping[str, float]) -> None:
        """Take one line of figures with ``step``, ``epoch``, ``time_s`` and namespaced keys."""

    def event(self, kind: str, message: str, **facts: Any) -> None:
        """Take one event; kinds as in ``RunDir.append_event``."""

    def stop_requested(self) -> bool:
        """Whether the run should end after the current step."""
