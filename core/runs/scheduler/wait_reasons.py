"""What a run that waits is waiting for, and what ends one at work before its time, in words."""

from collections.abc import Sequence

from core.config.settings import Settings
from core.machine.full_disk import free_mib
from core.runs.scheduler.gpus import Shortage
from core.runs.store.queue import QueueSwitches
from core.runs.store.records import RunRecord


def disk_is_short(settings: Settings) -> bool:
    """Whether less is free than must be for a run to start or go on."""
    free = free_mib(settings.home)
    return free is not None and free < settings.min_free_mib


def why_to_end(settings: Settings, at_work_s: float | None) -> str | None:
    """Why a run at work must end now; nothing if it may go on. Whether it has a checkpoint by then is another matter.

    Args:
        settings: the limits.
        at_work_s: how long its worker has been at it, where known.
    """
    if disk_is_short(settings):
        return (
            f"Less than {settings.min_free_mib:,} MiB were left on the disk, so the run was stopped while there was room for a "
            "checkpoint. Make room before you resume it."
        )
    if settings.max_run_hours and (at_work_s or 0.0) > settings.max_run_hours * 3600:
        hours = "an hour" if settings.max_run_hours == 1 else f"{settings.max_run_hours} hours"
        return f"The run was stopped after {hours}, as long as one may take here (TUNEBOARD_MAX_RUN_HOURS)."
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
    """Why a run has not started yet, most important first.

    Args:
        run: a run that waits.
        queue: all runs that wait, in their order.
        running: all runs at work.
        switches: what is set for the queue.
        at_once: how many runs may work at a time.
        settings: where the disk floor stands.
        shortage: the GPUs it would still lack if it were its turn.
    """
    if switches.paused:
        return "The queue is paused, so no run starts."
    if disk_is_short(settings):
        return (
            f"Less than {settings.min_free_mib:,} MiB are free on the disk, so no run starts. Make room and it goes on by itself."
        )
    place = next((number for number, other in enumerate(queue) if other.id == run.id), 0)
    if place == 0 and len(running) < at_once:
        if shortage is not None:
            return str(shortage)
        return "Next in the queue: it starts in a moment."
    ahead = place + len(running)
    # What others call their runs is none of everybody's business.
    named = ahead == 1 and len(running) == 1 and running[0].owner == run.owner
    before = f"run {running[0].name} to end" if named else f"{ahead:,} {'run' if ahead == 1 else 'runs'} before it"
    together = f"; {at_once} work at once" if at_once > 1 else ""
    return f"Waiting for {before}{together}. It starts by itself."
