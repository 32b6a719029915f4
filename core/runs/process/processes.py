"""Worker processes: starting one, knowing it again, and signalling it without ever hitting another.

A pid is used again after its process is gone, so a process is known by pid, start time and boot of the machine together. What
has ended but was not yet collected by its parent (a zombie) counts as gone. Children of this process are collected here,
whoever in it asks first.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from core.files import durable
from core.machine.platform_support import counts_since_boot, has_signals, on_its_own
from core.runs.store.records import WorkerIdentity

WAIT = "--wait"
"""What a worker is told instead of a run: to wait for one on its standard input."""

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")

_BOOT_DRIFT_S = 300
"""A machine that was started again within so many seconds has processes with other start times."""

_children: dict[int, tuple[WorkerIdentity, subprocess.Popen[bytes]]] = {}
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
            **on_its_own(),
        )
    # Nobody has collected the child yet, so its pid cannot have passed to another process, even if it has ended already.
    worker = WorkerIdentity(pid=child.pid, started_at=_start_time(child.pid) or 0.0, boot_id=boot_id())
    _children[child.pid] = (worker, child)
    return worker


def hand_over(worker: WorkerIdentity, line: str) -> bool:
    """Tell a child that listens the one line it waits for; afterwards it hears nothing more.

    Returns:
        whether it was there to be told. What was told is read even if this process ends at once.
    """
    child = _child(worker)
    if child is None or child.stdin is None or child.stdin.closed:
        return False
    try:
        with child.stdin as ear:
            ear.write(line.encode() + b"\n")
    except OSError:  # it is gone; not every system calls that a broken pipe
        return False
    return child.poll() is None


def dismiss(worker: WorkerIdentity) -> None:
    """End a child that listens and was told nothing: it has nothing to lose."""
    child = _child(worker)
    if child is not None:
        del _children[worker.pid]
        if child.stdin is not None:
            child.stdin.close()
        child.kill()
        child.wait()


def is_alive(worker: WorkerIdentity) -> bool:
    """Whether exactly this process still runs."""
    if exit_code(worker) is not None:
        return False
    # A child has ended once its exit code can be had; /proc may call it ended a moment before that.
    is_child = _child(worker) is not None
    # Where start times are moments, nothing else has this pid and this moment; what is reckoned of boots there is less certain.
    may_be = is_of_this_boot(worker) or not counts_since_boot()
    return may_be and _same_time(_start_time(worker.pid, ignore_ended=not is_child), worker.started_at)


def age_s(worker: WorkerIdentity) -> float | None:
    """Seconds since a process that runs was started, whatever was done to the clock; nothing if it is gone."""
    return max(0.0, clock_s() - worker.started_at) if is_alive(worker) else None


def clock_s() -> float:
    """Now, in seconds by the clock that start times of processes are told by; the same in every process of a machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if counts_since_boot() else time.time()


def exit_code(worker: WorkerIdentity) -> int | None:
    """How a child of this process ended: its exit code, or minus the signal; nothing if it runs or is not our child."""
    child = _child(worker)
    return None if child is None else child.poll()


def forget(worker: WorkerIdentity) -> None:
    """Drop what is remembered of a child that has ended."""
    child = _child(worker)
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
        handle = _handle(worker.pid)
        if handle is not None:
            return _send_through_handle(handle, worker, number)
        if not is_alive(worker):
            return False
        os.kill(worker.pid, number)
    except (ProcessLookupError, PermissionError):  # it has ended, or belongs to somebody else, so it is no worker of ours
        return False
    return True


def end(worker: WorkerIdentity) -> bool:
    """End exactly this process at once, wherever it is in its work.

    Returns:
        whether it was there.
    """
    if has_signals():
        return send(worker, signal.SIGKILL)
    try:
        process = psutil.Process(worker.pid)  # makes sure by itself that nobody else has the pid by then
        if not is_alive(worker):
            return False
        process.kill()
    except psutil.Error:
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


def is_of_this_boot(worker: WorkerIdentity) -> bool:
    """Whether a process was started since the machine was.

    Where the system gives a boot no name, its moment stands for it. That is reckoned from a clock which people and programs
    set, so it counts as the same within ``_BOOT_DRIFT_S``.
    """
    here = boot_id()
    if worker.boot_id.isdecimal() and here.isdecimal():
        return abs(int(worker.boot_id) - int(here)) <= _BOOT_DRIFT_S
    return worker.boot_id == here


def boot_id() -> str:
    """What tells this boot of the machine from every other."""
    try:
        return _BOOT_ID_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def _handle(pid: int) -> int | None:
    """An open handle of a process, which nothing can take the place of; None where the system or a sandbox has no such thing.

    Raises:
        ProcessLookupError: nobody has this pid.
    """
    if not (hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return None


def _send_through_handle(handle: int, worker: WorkerIdentity, number: signal.Signals) -> bool:
    """Make sure that what was opened is the right process, and signal it: nothing can take its place in between."""
    try:
        if not is_alive(worker):
            return False
        signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
    return True


def _child(worker: WorkerIdentity) -> subprocess.Popen[bytes] | None:
    """Exactly this process, where it is a child of ours; not another child that has a pid of long ago."""
    found, child = _children.get(worker.pid, (None, None))
    return child if found == worker else None


def _same_time(found: float | None, expected: float) -> bool:
    return found is not None and abs(found - expected) < 0.001


def _start_time(pid: int, *, ignore_ended: bool = False) -> float | None:
    """Start time of whatever process has this pid, or nothing.

    Args:
        pid: process id.
        ignore_ended: take a process that has ended and waits to be collected as none.
    """
    if not counts_since_boot():
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
