"""Worker processes: starting one, identifying it later, and signalling it without ever hitting another process.

A pid is reused after its process has ended, so a process is identified by pid, start time and boot of the machine together. A
process that has ended but was not yet collected by its parent (a zombie) counts as ended. Children of this process are collected
here, by whichever thread asks first.
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
"""Argument of a warm worker, in place of a run: it waits for a run on its standard input."""

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")

_BOOT_DRIFT_S = 300
"""Two boot times this close count as the same boot; after a reboot, the processes have other start times anyway."""

_children: dict[int, tuple[WorkerIdentity, subprocess.Popen[bytes]]] = {}
"""Workers this process started, by pid. Module-level, as children belong to the process: a scheduler may come and go."""


def start(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log_file: Path, listens: bool = False
) -> WorkerIdentity:
    """Start a process in a session of its own, so that it outlives this one, with its output appended to a log.

    Args:
        command: program and arguments.
        folder: its working directory.
        environment: all of its environment variables.
        log_file: gets its output.
        listens: whether it reads from its standard input what ``hand_over`` sends; otherwise it has no standard input.

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
    # The child has not been collected yet, so its pid cannot have been reused, even if it has ended already.
    worker = WorkerIdentity(pid=child.pid, started_at=_start_time(child.pid) or 0.0, boot_id=boot_id())
    _children[child.pid] = (worker, child)
    return worker


def hand_over(worker: WorkerIdentity, line: str) -> bool:
    """Send a listening child the one line it waits for, and close its standard input.

    Returns:
        Whether the child was running. It reads the line even if this process ends at once.
    """
    child = _child(worker)
    if child is None or child.stdin is None or child.stdin.closed:
        return False
    try:
        with child.stdin as ear:
            ear.write(line.encode() + b"\n")
    except OSError:  # it has ended; not every system calls that a broken pipe
        return False
    return child.poll() is None


def dismiss(worker: WorkerIdentity) -> None:
    """End a listening child that was given no run: no work is lost."""
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
    # Where start times are timestamps, pid and start time are unique; the boot that is computed there is less certain.
    may_be = is_of_this_boot(worker) or not counts_since_boot()
    return may_be and _same_time(_start_time(worker.pid, ignore_ended=not is_child), worker.started_at)


def age_s(worker: WorkerIdentity) -> float | None:
    """Seconds since a running process was started, unaffected by clock changes; ``None`` if it has ended."""
    return max(0.0, clock_s() - worker.started_at) if is_alive(worker) else None


def clock_s() -> float:
    """Now, in seconds of the clock that process start times use; the same in every process of a machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if counts_since_boot() else time.time()


def exit_code(worker: WorkerIdentity) -> int | None:
    """How a child of this process ended: its exit code, or minus the signal; ``None`` if it is running or not our child."""
    child = _child(worker)
    return None if child is None else child.poll()


def forget(worker: WorkerIdentity) -> None:
    """Drop what is stored about a child that has ended."""
    child = _child(worker)
    if child is not None and child.poll() is not None:
        if child.stdin is not None:
            child.stdin.close()
        del _children[worker.pid]


def send(worker: WorkerIdentity, number: signal.Signals) -> bool:
    """Send a signal to exactly this process, never to another that has its pid now.

    Returns:
        Whether the process existed.
    """
    try:
        handle = _handle(worker.pid)
        if handle is not None:
            return _send_through_handle(handle, worker, number)
        if not is_alive(worker):
            return False
        os.kill(worker.pid, number)
    except (ProcessLookupError, PermissionError):  # it has ended, or belongs to another user, so it is not our worker
        return False
    return True


def end(worker: WorkerIdentity) -> bool:
    """Kill exactly this process at once.

    Returns:
        Whether the process existed.
    """
    if has_signals():
        return send(worker, signal.SIGKILL)
    try:
        process = psutil.Process(worker.pid)  # psutil itself makes sure that the pid was not reused
        if not is_alive(worker):
            return False
        process.kill()
    except psutil.Error:
        return False
    return True


def identity(pid: int) -> WorkerIdentity | None:
    """The process that has this pid now; ``None`` if there is none."""
    started_at = _start_time(pid, ignore_ended=True)
    return None if started_at is None else WorkerIdentity(pid=pid, started_at=started_at, boot_id=boot_id())


def find(arguments: Sequence[str]) -> WorkerIdentity | None:
    """The process other than this one with these consecutive arguments on its command line; ``None`` if there is none.

    It finds the worker of a scheduler that was killed after it had started the worker and before it could record its identity.
    A viewer or an editor that has the run's folder on its command line does not match.
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
    """Whether a process was started since the last boot of the machine.

    Where the system has no boot id, the boot time is used. It is computed from a clock that people and programs can set, so
    two boot times within ``_BOOT_DRIFT_S`` count as the same.
    """
    here = boot_id()
    if worker.boot_id.isdecimal() and here.isdecimal():
        return abs(int(worker.boot_id) - int(here)) <= _BOOT_DRIFT_S
    return worker.boot_id == here


def boot_id() -> str:
    """Identifier of this boot of the machine."""
    try:
        return _BOOT_ID_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time()))


def _handle(pid: int) -> int | None:
    """An open handle of a process, which cannot be reused; ``None`` where the system or a sandbox does not support it.

    Raises:
        ProcessLookupError: no process has this pid.
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
    """Make sure that the handle is of the right process, and signal it: the pid cannot be reused in between."""
    try:
        if not is_alive(worker):
            return False
        signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
    return True


def _child(worker: WorkerIdentity) -> subprocess.Popen[bytes] | None:
    """Exactly this process, if it is a child of ours; not an earlier child with the same pid."""
    found, child = _children.get(worker.pid, (None, None))
    return child if found == worker else None


def _same_time(found: float | None, expected: float) -> bool:
    return found is not None and abs(found - expected) < 0.001


def _start_time(pid: int, *, ignore_ended: bool = False) -> float | None:
    """Start time of the process that has this pid; ``None`` if there is none.

    Args:
        pid: process id.
        ignore_ended: return ``None`` for a process that has ended and waits to be collected (a zombie).
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
