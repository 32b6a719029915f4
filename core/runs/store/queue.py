"""Settings of the queue: its order, whether it is paused, and how many runs run at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from core.errors import RunError
from core.runs.store.engine import changing, reading
from core.runs.store.records import RunState
from core.runs.store.tables import runs, switches
from core.runs.store.visibility import Visibility

QueueMove = Literal["first", "up", "down", "last"]

MOST_AT_ONCE = 64
_PAUSED, _AT_ONCE = "queue.paused", "queue.at_once"


@dataclass(frozen=True)
class QueueSwitches:
    """Settings of the whole queue.

    Attributes:
        paused: whether no further run starts; running ones continue.
        at_once: how many runs may run at the same time; ``None`` leaves it to settings and devices.
    """

    paused: bool = False
    at_once: int | None = None


class QueueOrder:
    """The queue as one person may change it: its settings if they see everything, and the order of the runs they see."""

    def __init__(self, engine: sa.Engine, view: Visibility) -> None:
        self._engine = engine
        self._view = view

    def switches(self) -> QueueSwitches:
        """The current settings."""
        with reading(self._engine) as connection:
            found = {row.name: row.value for row in connection.execute(sa.select(switches))}
        return QueueSwitches(paused=bool(found.get(_PAUSED, False)), at_once=found.get(_AT_ONCE))

    def pause(self, paused: bool) -> QueueSwitches:
        """Pause the queue, so that no further run starts, or resume it; running runs continue either way.

        Raises:
            RunError: this person may not do that.
        """
        return self._set(_PAUSED, paused)

    def set_at_once(self, number: int | None) -> QueueSwitches:
        """Set how many runs may run at the same time; ``None`` leaves it to settings and devices again.

        Raises:
            RunError: the number is out of range, or this person may not do that.
        """
        if number is not None and not 1 <= number <= MOST_AT_ONCE:
            raise RunError(f"{number} is not a possible number of runs at once; choose 1 to {MOST_AT_ONCE}.")
        return self._set(_AT_ONCE, number)

    def move(self, run_id: str, step: QueueMove) -> None:
        """Move a queued run among the queued runs that this person sees; all others keep their places.

        Raises:
            RunError: it is no longer queued.
            NotFoundError: there is no such run.
        """
        with changing(self._engine) as connection:
            row = self._view.find(connection, runs, run_id, lock=True)
            query = sa.select(runs.c.id, runs.c.queue_position).where(
                runs.c.state == RunState.QUEUED.value, self._view.seen(runs)
            )
            waiting = connection.execute(query.order_by(runs.c.queue_position, runs.c.id)).all()
            ids = [one.id for one in waiting]
            if row.id not in ids:
                raise RunError(f"Run {row.name!r} is no longer queued: it is {row.state}. Only queued runs can be moved.")
            place = ids.index(row.id)
            ids.insert(_PLACES[step](ids.index(row.id), len(ids)), ids.pop(place))
            for run, position in zip(ids, [one.queue_position for one in waiting], strict=True):
                connection.execute(runs.update().where(runs.c.id == run).values(queue_position=position))

    def _set(self, name: str, value: Any) -> QueueSwitches:
        if not self._view.sees_all:
            raise RunError("Only an administrator may pause the queue or change how many runs train at once.")
        with changing(self._engine) as connection:
            connection.execute(switches.delete().where(switches.c.name == name))
            if value is not None:
                connection.execute(switches.insert().values(name=name, value=value))
        return self.switches()


_PLACES: dict[QueueMove, Callable[[int, int], int]] = {
    "first": lambda place, count: 0,  # noqa: ARG005  (all take the same)
    "up": lambda place, count: max(0, place - 1),  # noqa: ARG005
    "down": lambda place, count: min(count - 1, place + 1),
    "last": lambda place, count: count - 1,  # noqa: ARG005
}
