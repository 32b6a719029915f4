"""What must hold before a run is made: there is room in the queue, and the config was made for the data set as it is now; and
before one is finished early: it has ended, and has learned something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config.run_config import RunConfig
from core.errors import ConfigError, RunError
from core.runs.store.records import RunRecord, RunState
from core.runs.store.store import Store
from core.config.settings import Settings

if TYPE_CHECKING:  # pandas takes half a second to import, which listing runs should not cost
    from core.datasets.dataset import Dataset


def check_room(store: Store, settings: Settings) -> None:
    """Refuse one more run where as many wait as may.

    Raises:
        RunError: says how many wait.
    """
    waiting = len(store.everybodys().queue())
    if waiting >= settings.max_queue:
        raise RunError(
            f"{waiting:,} runs wait already, which is as many as may. Wait for some to end, cancel some, "
            "or raise TUNEBOARD_MAX_QUEUE."
        )


def check_agreement(config: RunConfig, dataset: Dataset, name: str) -> None:
    """Refuse a config that was made for other rows or another task.

    Args:
        config: everything the run would be told.
        dataset: what it would learn from.
        name: what people call the data set.

    Raises:
        ConfigError: names the field that does not agree.
    """
    if config.data.dataset_hash != dataset.content_hash:
        raise ConfigError(
            "data.dataset_hash",
            f"does not agree with data set {name!r}, so this config was made for other rows. "
            "Leave the 'data' section out of the config, or choose the data set it was made for.",
        )
    if config.data.task != dataset.task:
        raise ConfigError("data.task", f"is {config.data.task!r}, but data set {name!r} is for {dataset.task}.")


def check_finishable(record: RunRecord, *, has_checkpoint: bool) -> None:
    """Refuse to take results from a run that has them already, may still get them by itself, or has learned nothing.

    Args:
        record: the run as it stands.
        has_checkpoint: whether it has written one that is still there.

    Raises:
        RunError: says how the run stands and what can be done with it.
    """
    run = f"Run {record.name!r}"
    if record.state is RunState.SUCCEEDED:
        raise RunError(
            f"{run} has succeeded, so there is nothing to finish: its results and its model are there. "
            "Launch a new run to train further."
        )
    if record.state is RunState.RUNNING:
        raise RunError(f"{run} is running. Stop it first; it can be finished once it has ended with a checkpoint.")
    if record.state is RunState.QUEUED:
        to_finish = " To finish it with what it has learned so far, take it out of the queue first." if has_checkpoint else ""
        raise RunError(f"{run} is queued and starts when its turn comes, so it cannot be finished now.{to_finish}")
    if not has_checkpoint:
        raise RunError(
            f"{run} ended before its first checkpoint, so there is nothing to finish it with. "
            "Resume it, and it starts over with the same settings."
        )
