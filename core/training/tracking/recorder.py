"""The interface through which the training loop reports to its caller and checks for a stop request."""

from collections.abc import Mapping
from typing import Any, Protocol


class TrainingStopped(Exception):  # noqa: N818  (a requested stop, not an error)
    """Training ended early because a stop was requested; a checkpoint was saved."""


class Recorder(Protocol):
    """Receives metrics and events of a run; the worker writes them to the run directory, a test keeps them in a list."""

    def metrics(self, values: Mapping[str, float]) -> None:
        """Record one line of metrics with ``step``, ``epoch``, ``time_s`` and namespaced keys."""

    def event(self, kind: str, message: str, **facts: Any) -> None:
        """Record one event; kinds as in ``RunDir.append_event``."""

    def stop_requested(self) -> bool:
        """Whether the run should end after the current step."""
