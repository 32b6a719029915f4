"""Worker processes: starting one, knowing it again, and signalling it without ever hitting another.

A pid is used again after its process is gone, so a process is known by pid, start time and boot of the machine together. What
has ended but was not yet collected by its parent (a zombie) counts as gone. Children of this process are collected here,
whoever in it asks first.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from core.files import durable
from core.runs.records import WorkerIdentity

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Workers this process started, by pid. It belongs to the process as children do: a supervisor may come and go."""


def start(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log_file: Path, listens: bool = False
) -> WorkerIdentity:
    """Start a process in a session of its own, so that it outlives this one, with all it prints appended to a log.

    Args:
        command: program and arguments.
        folder: where it works.
        environment: its environment variables, all of them.
        log_file: gets what it prints.
        listens: whether it waits on its standard input for what ``hand_over`` tells it, rather than having none.

    Raises:
        OSError: the program or the log file cannot be opened.
    """
    with durable.open_to_append(log_file) as log:
        child = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE if listens else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    # Nobody has collected the child yet, so its pid cannot have passed to another process, even if it has ended already.
    return WorkerIdentity(pid=child.pid, started_at=_start_time(child.pid) or 0.0, boot_id=boot_id())


def hand_over(worker: WorkerIdentity, line: str) -> bool:
    """Tell a child that listens the one line it waits for; afterwards it hears nothing more.

    Returns:
        whether it was there to be told. What was told is read even if this process ends at once.
    """
    child = _children.get(worker.pid)
    if child is None or child.stdin is None or child.stdin.closed:
        return False
    try:
        with child.stdin as ear:
            ear.write(line.encode() + b"\n")
    except BrokenPipeError:
        return False
    return child.poll() is None


def dismiss(worker: WorkerIdentity) -> None:
    """End a child that listens and was told nothing: it has nothing to lose."""
    child = _children.pop(worker.pid, None)
    if child is not None:
        if child.stdin is not None:
            child.stdin.close()
        child.kill()
        child.wait()


def is_alive(worker: WorkerIdentity) -> bool:
    """Whether exactly this process still runs."""
    if exit_code(worker) is not None:
        return False
    # A child has ended once its exit code can be had; /proc may call it ended a moment before that.
    is_child = worker.pid in _children
    return worker.boot_id == boot_id() and _same_time(_start_time(worker.pid, ignore_ended=not is_child), worker.started_at)


def age_s(worker: WorkerIdentity) -> float | None:
    """Seconds since a process that runs was started, whatever was done to the clock; nothing if it is gone."""
    if not is_alive(worker):
        return None
    now = time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.time()
    return max(0.0, now - worker.started_at)


def exit_code(worker: WorkerIdentity) -> int | None:
    """How a child of this process ended: its exit code, or minus the signal; nothing if it runs or is not our child."""
    child = _children.get(worker.pid)
    return None if child is None else child.poll()


def forget(worker: WorkerIdentity) -> None:
    """Drop what is remembered of a child that has ended."""
    child = _children.get(worker.pid)
    if child is not None and child.poll() is not None:
        if child.stdin is not None:
            child.stdin.close()
        del _children[worker.pid]


def send(worker: WorkerIdentity, number: signal.Signals) -> bool:
    """Send a signal to exactly this process; never to another that has its pid now.

    Returns:
        whether it was there to get the signal.
    """
    try:
        if hasattr(os, "pidfd_open"):
            return _send_through_handle(worker, number)
        if not is_alive(worker):
            return False
        os.kill(worker.pid, number)
    except ProcessLookupError:
        return False
    return True


def identity(pid: int) -> WorkerIdentity | None:
    """Who has this pid now; nothing if nobody has."""
    started_at = _start_time(pid, ignore_ended=True)
    return None if started_at is None else WorkerIdentity(pid=pid, started_at=started_at, boot_id=boot_id())


def find(arguments: Sequence[str]) -> WorkerIdentity | None:
    """The process other than this one with these arguments, side by side, on its command line; nothing if there is none.

    It finds the worker of a supervisor that was killed after it had started the worker and before it could note its identity.
    A viewer or an editor that has the run's folder on its command line is not taken for it.
    """
    wanted = list(arguments)
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and _holds(process.cmdline(), wanted):
                found = identity(process.pid)
                if found is not None:
                    return found
        except psutil.Error:
            continue
    return None


def _holds(words: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(words[start : start + len(wanted)] == wanted for start in range(len(words) - len(wanted) + 1))


def boot_id() -> str:
    """What tells this boot of the machine from every other."""
    try:
        return _BOOT_ID_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def _send_through_handle(worker: WorkerIdentity, number: signal.Signals) -> bool:
    """Open the process, make sure it is the right one, and signal what was opened: nothing can take its place in between."""
    handle = os.pidfd_open(worker.pid)
    try:
        if not is_alive(worker):
            return False
        signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
    return True


def _same_time(found: float | None, expected: float) -> bool:
    return found is not None and abs(found - expected) < 0.001


def _start_time(pid: int, *, ignore_ended: bool = False) -> float | None:
    """Start time of whatever process has this pid, or nothing.

    Args:
        pid: process id.
        ignore_ended: take a process that has ended and waits to be collected as none.
    """
    if sys.platform != "linux":
        return _start_time_elsewhere(pid, ignore_ended=ignore_ended)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold spaces and brackets itself; what follows it does not. Field 3 is the state, 22 the start.
    fields = stat[stat.rindex(")") + 2 :].split()
    if ignore_ended and fields[0] in "ZX":
        return None
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _start_time_elsewhere(pid: int, *, ignore_ended: bool) -> float | None:
    try:
        process = psutil.Process(pid)
        if ignore_ended and process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return float(process.create_time())
    except psutil.Error:
        return None
