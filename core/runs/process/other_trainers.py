"""Other Tuneboards that train on this machine, whoever's they are: a worker at work goes by a name that everybody can see.

Threads that spin while they wait are fastest alone and slow two training processes down many times, so whoever starts a worker
asks here whether it would be alone. Where the system keeps no such names, it seems alone.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

NAME = "tuneboard-run"
"""What ``ps`` and ``top`` call a worker at work; one that waits for a run still goes by its program's name."""

PROCESSES = Path("/proc")
_GONE = "ZX"


@contextlib.contextmanager
def known_as_at_work(processes: Path = PROCESSES) -> Iterator[None]:
    """For as long as it lasts, this process goes by the name of a worker at work."""
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
    """Whether any process on this machine is a worker at work."""
    for stat in processes.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # "42 (name) S …": the name may hold brackets itself, what follows it does not.
            name, _, rest = stat.read_text(encoding="utf-8", errors="replace").partition("(")[2].rpartition(")")
            if name == NAME and rest.split()[0] not in _GONE:
                return True
    return False
