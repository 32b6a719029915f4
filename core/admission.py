"""What must hold before a run is made: there is room in the queue, and the config was made for the data set as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import RunConfig
from core.errors import ConfigError, RunError
from core.runs.store import Store
from core.settings import Settings

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
