"""How a running worker is told to stop: by a signal where the platform has signals, else by a file in its run's folder.

Windows ends a process at once whatever signal it is sent, and training progress since the last checkpoint would be lost.
"""

import contextlib
import signal
from enum import Enum
from pathlib import Path

from core.files import durable
from core.machine.platform_support import has_signals
from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.store.records import WorkerIdentity

REQUEST = ".stop"
"""Name of the file. It holds the name of the signal that would have been sent."""


class Stop(Enum):
    """Who wants a worker to stop, and how urgently."""

    BY_PERSON = "SIGINT"
    BY_MACHINE = "SIGTERM"
    AT_ONCE = "SIGKILL"


def send(worker: WorkerIdentity, run_dir: RunDir, stop: Stop) -> bool:
    """Send a stop request to exactly this process.

    Returns:
        Whether the process existed.
    """
    if stop is Stop.AT_ONCE:
        return processes.end(worker)
    if has_signals():
        return processes.send(worker, signal.Signals[stop.value])
    if not processes.is_alive(worker):
        return False
    try:
        durable.write_text(run_dir.folder / REQUEST, stop.value)
    except OSError:  # the disk is full or the folder is missing: the escalation follows later
        return False
    return True


def take(run_folder: Path) -> signal.Signals | None:
    """The stop request that came by file since the last call; ``None`` if there is none. The file is removed."""
    request = run_folder / REQUEST
    try:
        told = request.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    with contextlib.suppress(OSError):
        durable.remove_file(request)
    return {Stop.BY_PERSON.value: signal.SIGINT, Stop.BY_MACHINE.value: signal.SIGTERM}.get(told)
