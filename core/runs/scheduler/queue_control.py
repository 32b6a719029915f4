"""Control of the queue by people: its order, whether it is paused, how many runs run at once, and why a run waits."""

from core.config.settings import Settings
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.wait_reasons import what_for
from core.runs.store.queue import QueueMove, QueueSwitches
from core.runs.store.records import RunRecord
from core.runs.store.store import Store


class QueueDesk:
    """The queue of a workspace, for one person.

    Args:
        store: the database as they see it.
        settings: the limits.
        scheduler: this process's scheduler, running or not.
    """

    def __init__(self, store: Store, settings: Settings, scheduler: Scheduler) -> None:
        self._store = store
        self._settings = settings
        self._scheduler = scheduler

    def switches(self) -> QueueSwitches:
        """Whether the queue is paused, and how many runs people let run at once."""
        return self._store.order.switches()

    def at_once(self) -> int:
        """How many runs may run at the same time now."""
        return self._scheduler.at_once()

    def watches(self) -> bool:
        """Whether this process only watches the queue, because another one owns it."""
        return self._scheduler.watches

    def is_looked_after(self) -> bool:
        """Whether this process or another one starts queued runs."""
        return self._scheduler.is_looked_after()

    def pause(self, paused: bool) -> None:
        """Pause the queue, so that no further run starts, or resume it. Running runs continue either way.

        Raises:
            RunError: only an administrator may do that.
        """
        self._store.order.pause(paused)
        self._scheduler.wake()

    def set_at_once(self, number: int | None) -> None:
        """Set how many runs may run at the same time; ``None`` means one for each device.

        Raises:
            RunError: the number is out of range, or only an administrator may do that.
        """
        self._store.order.set_at_once(number)
        self._scheduler.wake()

    def move(self, run_id: str, step: QueueMove) -> None:
        """Move a queued run among those this person sees.

        Raises:
            RunError: it is no longer queued.
            NotFoundError: there is no such run.
        """
        self._store.order.move(run_id, step)

    def waits_for(self, run: RunRecord) -> str:
        """Why a queued run has not started yet, in a sentence."""
        everybodys = self._store.everybodys()
        return what_for(
            run,
            queue=everybodys.queue(),
            running=everybodys.running(),
            switches=self.switches(),
            at_once=self.at_once(),
            settings=self._settings,
            shortage=self._scheduler.shortage(run),
        )
