"""Why a queued run waits, and why a running one is stopped early, as sentences."""

from collections.abc import Sequence

from core.config.settings import Settings
from core.machine.full_disk import free_mib
from core.runs.scheduler.gpus import Shortage
from core.runs.store.queue import QueueSwitches
from core.runs.store.records import RunRecord


def disk_is_short(settings: Settings) -> bool:
    """Whether less disk space is free than a run needs to start or continue."""
    free = free_mib(settings.home)
    return free is not None and free < settings.min_free_mib


def why_to_end(settings: Settings, at_work_s: float | None) -> str | None:
    """Why a running run must be stopped now; ``None`` if it may continue.

    Args:
        settings: the limits.
        at_work_s: seconds its worker has been working on it, if known.
    """
    if disk_is_short(settings):
        return (
            f"Less than {settings.min_free_mib:,} MiB of disk space were free, so the run was stopped while there was room for a "
            "checkpoint. Free up disk space before you resume it."
        )
    if settings.max_run_hours and (at_work_s or 0.0) > settings.max_run_hours * 3600:
        hours = "an hour" if settings.max_run_hours == 1 else f"{settings.max_run_hours} hours"
        return f"The run was stopped after {hours}, the limit for a run (TUNEBOARD_MAX_RUN_HOURS)."
    return None


def what_for(
    run: RunRecord,
    *,
    queue: Sequence[RunRecord],
    running: Sequence[RunRecord],
    switches: QueueSwitches,
    at_once: int,
    settings: Settings,
    shortage: Shortage | None = None,
) -> str:
    """The most important reason why a run has not started yet.

    Args:
        run: a queued run.
        queue: all queued runs, in their order.
        running: all running runs.
        switches: settings of the queue.
        at_once: how many runs may run at the same time.
        settings: has the limit of free disk space.
        shortage: the GPUs that the run lacks, if it is first in the queue.
    """
    if switches.paused:
        return "The queue is paused, so no run starts."
    if disk_is_short(settings):
        return (
            f"Less than {settings.min_free_mib:,} MiB of disk space are free, so no run starts. Free up disk space, and the "
            "queue continues automatically."
        )
    place = next((number for number, other in enumerate(queue) if other.id == run.id), 0)
    if place == 0 and len(running) < at_once:
        if shortage is not None:
            return str(shortage)
        return "Next in the queue: it starts in a moment."
    ahead = place + len(running)
    # The names of other people's runs are not shown.
    named = ahead == 1 and len(running) == 1 and running[0].owner == run.owner
    before = f"run {running[0].name} to end" if named else f"{ahead:,} {'run' if ahead == 1 else 'runs'} ahead of it"
    together = f"; {at_once} run at the same time" if at_once > 1 else ""
    return f"Waiting for {before}{together}. It starts automatically."
