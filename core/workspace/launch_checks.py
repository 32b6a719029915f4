"""Checks before a run is created: the queue is not full, and the config was made for the data set as it is now; and before a run
is finished early: it has ended, and has a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.errors import ConfigError, RunError
from core.runs.store.records import RunRecord, RunState
from core.runs.store.store import Store

if TYPE_CHECKING:  # pandas takes half a second to import, which listing runs should not cost
    from core.datasets.dataset import Dataset


def check_room(store: Store, settings: Settings) -> None:
    """Refuse one more run if the queue is full.

    Raises:
        RunError: says how many runs are queued.
    """
    waiting = len(store.everybodys().queue())
    if waiting >= settings.max_queue:
        raise RunError(
            f"The queue is full: {waiting:,} runs are queued already. Wait for some to end, cancel some, or raise "
            "TUNEBOARD_MAX_QUEUE."
        )


def check_agreement(config: RunConfig, dataset: Dataset, name: str) -> None:
    """Refuse a config that was made for other rows or another task.

    Args:
        config: the run's config.
        dataset: the data set it would be trained on.
        name: the data set's display name.

    Raises:
        ConfigError: names the field that does not match.
    """
    if config.data.dataset_hash != dataset.content_hash:
        raise ConfigError(
            "data.dataset_hash",
            f"does not match data set {name!r}, so this config was made for other rows. "
            "Leave the 'data' section out of the config, or choose the data set it was made for.",
        )
    if config.data.task != dataset.task:
        raise ConfigError("data.task", f"is {config.data.task!r}, but data set {name!r} is for {dataset.task}.")


def check_finishable(record: RunRecord, *, has_checkpoint: bool) -> None:
    """Refuse to finish a run that has its results already, may still get them without help, or has no checkpoint.

    Args:
        record: the current record of the run.
        has_checkpoint: whether it has a checkpoint.

    Raises:
        RunError: gives the run's state and what can be done with it.
    """
    run = f"Run {record.name!r}"
    if record.state is RunState.SUCCEEDED:
        raise RunError(
            f"{run} has succeeded, so there is nothing to finish: its results and its model exist already. "
            "Launch a new run to train further."
        )
    if record.state is RunState.RUNNING:
        raise RunError(f"{run} is running. Stop it first; it can be finished once it has ended with a checkpoint.")
    if record.state is RunState.QUEUED:
        to_finish = " To evaluate its best checkpoint so far, cancel it first." if has_checkpoint else ""
        raise RunError(f"{run} is queued and starts when its turn comes, so it cannot be finished now.{to_finish}")
    if not has_checkpoint:
        raise RunError(
            f"{run} ended before its first checkpoint, so there is nothing to evaluate. "
            "Resume it to start from scratch with the same settings."
        )
