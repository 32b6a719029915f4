"""Sandbox: work on a file in a separate process, with limits for memory and time.

A file of a few bytes can unpack to any size, and many readers are native code, so checks in advance are not sufficient. A crash
of the sandboxed process does not affect the calling process.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil

from core.config.settings import PROJECT_ROOT
from core.errors import DatasetError, InputFileError
from core.progress import SILENT, Progress

MEMORY_MIB = 3072
TIME_S = 300.0
MOST_AT_ONCE = 2
"""Maximum number of sandboxed processes at a time; further requests wait."""
TASK, FOUND, STDERR = "task.json", "found.json", "stderr.txt"

_COMMAND = (sys.executable, "-m", "core.datasets.importing.sandbox_main")
_POLL_S = 0.05
_LONGEST_STDERR = 4000
_PROGRAM_MIB = 250
"""Memory of Python with pandas and Arrow."""
_THREADS_AND_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Keeps the process from reserving address space it does not use, since its limit counts reserved memory."""
_OUT_OF_MEMORY = ("memory allocation of", "bad_alloc", "MemoryError", "Cannot allocate memory", "malloc")
"""Messages on standard error of libraries that abort the process when memory runs out."""

_log = logging.getLogger(__name__)
_turns = threading.BoundedSemaphore(MOST_AT_ONCE)


def run_isolated(
    task: str,
    asked: Mapping[str, Any],
    folder: Path,
    *,
    subject: str,
    memory_mib: int = MEMORY_MIB,
    time_s: float = TIME_S,
    progress: Progress = SILENT,
) -> None:
    """Run one task of ``sandbox_main`` in a separate process; its output files are in the folder afterwards.

    Args:
        task: name of the task.
        asked: arguments of the task, as plain values.
        folder: an empty folder for the task, its output and temporary files.
        subject: name of the file, for messages.
        memory_mib: memory limit, not counting the program itself.
        time_s: time limit; also the longest waiting time for a free slot.
        progress: called with the completed fraction and the current step.

    Raises:
        InputFileError: the file cannot be read, or takes more memory or time than allowed.
        DatasetError: the task refused it with this error.
    """
    (folder / TASK).write_text(
        json.dumps({"task": task, "asked": asked, "memory_mib": memory_mib, "time_s": time_s}), encoding="utf-8"
    )
    with _turn(time_s, progress):
        ended = _run(folder, memory_mib, time_s, progress)
    try:
        found: dict[str, Any] = json.loads((folder / FOUND).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputFileError(
            f"{_shown(subject)} {ended}, so reading was stopped. Save it as CSV, or split it into smaller files."
        ) from None
    if "refused" in found:
        raise (DatasetError if found.get("kind") == "DatasetError" else InputFileError)(found["refused"])
    if "failed" in found:
        _log.error("Reading a file failed unexpectedly:\n%s", found["failed"])
        raise InputFileError(
            f"{_shown(subject)} cannot be read because of an unexpected error ({found['kind']}); the log has the details. "
            "Save it as CSV, or in another format."
        )


@contextmanager
def _turn(time_s: float, progress: Progress) -> Iterator[None]:
    """One of the slots for sandboxed processes."""
    if not _turns.acquire(blocking=False):
        progress(0.0, "Waiting for other files to be read")
        if not _turns.acquire(timeout=max(time_s, _POLL_S)):
            raise InputFileError("Too many other files are being read. Try again in a few minutes.")
    try:
        yield
    finally:
        _turns.release()


def _run(folder: Path, memory_mib: int, time_s: float, progress: Progress) -> str:
    """Run the process until it ends or exceeds its limits; returns the reason if it gives no result."""
    deadline = time.monotonic() + time_s
    with (folder / STDERR).open("wb") as stderr:
        process = subprocess.Popen(
            [*_COMMAND, str(folder)],
            cwd=PROJECT_ROOT,
            env=_environment(os.environ),
            stdin=subprocess.PIPE,  # closed when this process ends for any reason; then the other one ends, too
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    too_much = f"takes more than the {memory_mib:,} MiB of memory allowed"
    try:
        assert process.stdout is not None
        told = _Told(process.stdout)
        while True:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(_POLL_S)
                told.ended(1.0)
                return _in_words(status, folder / STDERR, too_much, time_s)
            told.pass_on(progress)
            if time.monotonic() > deadline:
                return _too_long(time_s)
            if _extra_mib(process.pid) > memory_mib:  # enforced from here if the system has no memory limits
                return too_much
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _in_words(status: int, stderr: Path, too_much: str, time_s: float) -> str:
    """Why a process failed, by its exit status and the end of its standard error."""
    if status == 0:
        return "cannot be read"
    if status == -getattr(signal, "SIGXCPU", 0):
        return _too_long(time_s)
    with stderr.open("rb") as file:
        file.seek(max(0, stderr.stat().st_size - _LONGEST_STDERR))
        said = file.read().decode("utf-8", "replace")
    if status == -getattr(signal, "SIGKILL", 9) or any(word in said for word in _OUT_OF_MEMORY):
        return too_much
    _log.error("The process that reads files ended with status %d:\n%s", status, said)
    return f"{too_much}, or cannot be read at all"


def _too_long(time_s: float) -> str:
    return f"takes more than the {time_s:.0f} seconds allowed"


def _extra_mib(pid: int) -> float:
    """Memory of a process in addition to that of the program itself."""
    with suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss) / 2**20 - _PROGRAM_MIB
    return 0.0


class _Told:
    """The progress of the process from its last line of output: a fraction and the current step.

    Read in a thread, since not every platform can wait for a pipe with a timeout.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._last: tuple[float, str] | None = None
        self._passed: tuple[float, str] | None = None
        self._thread = threading.Thread(target=self._listen, args=(pipe,), daemon=True)
        self._thread.start()

    def pass_on(self, progress: Progress) -> None:
        """Report new progress to the callback."""
        last = self._last
        if last is not None and last != self._passed:
            self._passed = last
            progress(*last)

    def ended(self, timeout_s: float) -> None:
        """Wait until everything has been read."""
        self._thread.join(timeout_s)

    def _listen(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):  # the pipe was closed meanwhile
            for line in pipe:
                share, _, doing = line.decode("utf-8", "replace").strip().partition(" ")
                with suppress(ValueError):
                    self._last = min(1.0, max(0.0, float(share))), doing[:80]


def _shown(subject: str) -> str:
    return repr(subject if len(subject) <= 80 else f"{subject[:79]}…")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without variables that a file reader does not need."""
    kept = {name: value for name, value in environ.items() if not name.startswith("TUNEBOARD_")}
    return {**kept, **_THREADS_AND_MEMORY}
