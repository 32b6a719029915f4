"""Other Tuneboard processes that train on this machine, of any user: a training worker sets a process name that all can see.

Threads that spin while they wait are fastest alone and slow two training processes down many times. So the scheduler asks here
whether a new worker would be alone. Where the system has no such process names, it counts as alone.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

NAME = "tuneboard-run"
"""The name of a training worker in ``ps`` and ``top``; a warm worker keeps its program's name."""

PROCESSES = Path("/proc")
_GONE = "ZX"


@contextlib.contextmanager
def known_as_at_work(processes: Path = PROCESSES) -> Iterator[None]:
    """Inside the block, this process has the name of a training worker."""
    own = processes / "self" / "comm"
    before = None
    with contextlib.suppress(OSError):
        before = own.read_text(encoding="utf-8")
        own.write_text(NAME, encoding="utf-8")
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                own.write_text(before, encoding="utf-8")


def somebody_trains(processes: Path = PROCESSES) -> bool:
    """Whether any process on this machine is a training worker."""
    for stat in processes.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # "42 (name) S …": the name may hold brackets itself, what follows it does not.
            name, _, rest = stat.read_text(encoding="utf-8", errors="replace").partition("(")[2].rpartition(")")
            if name == NAME and rest.split()[0] not in _GONE:
                return True
    return False
