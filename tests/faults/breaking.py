"""A real worker that breaks at the write it is told to: forked from this process, so that it costs no imports.

Every place where a worker opens a file to write, makes or renames something in its run's folder is a write site; so is the
middle of every line and of every large file. Sites are counted as they come; at the one that is asked for, the worker is killed
as by ``kill -9``, or the disk is full, for that one write or from then on.
"""

import errno
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.datasets.dataset import Dataset
from core.runs.directory.run_dir import RunDir
from tests.reaper import die_with_parent

Kind = Literal["kill", "full once", "full from then on"]


@dataclass
class Breaker:
    """Counts write sites, and breaks at one of them.

    Attributes:
        folder: where writes count.
        at: number of the site at which it breaks, from 1; 0 never.
        kind: how.
    """

    folder: str
    at: int = 0
    kind: Kind = "kill"
    count: int = 0

    def site(self, tear: Callable[[], None] | None = None) -> None:
        """A write is about to happen; ``tear`` leaves it half done."""
        self.count += 1
        due = self.at and (self.count >= self.at if self.kind == "full from then on" else self.count == self.at)
        if not due:
            return
        if tear is not None:
            tear()
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: sees what Python opens, makes and renames."""
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (mode is None and flags & (os.O_WRONLY | os.O_RDWR))
        elif event in ("os.rename", "os.mkdir"):
            path, writes = arguments[0], True
        else:
            return
        if writes and isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder):
            self.site()


@dataclass(frozen=True)
class Forked:
    """A worker under way."""

    pid: int
    told: int

    def wait(self) -> tuple[int, int]:
        """Exit code, or minus the signal, and how many write sites it passed; 0 where it was killed."""
        _, status = os.waitpid(self.pid, 0)
        with os.fdopen(self.told) as told:
            count = int(told.read() or 0)
        return os.waitstatus_to_exitcode(status), count


def run_worker(run_dir: RunDir, dataset: Dataset, **breaks: Any) -> tuple[int, int]:
    """Let a worker carry out a run to whatever end; see ``start_worker`` and ``Forked.wait``."""
    return start_worker(run_dir, dataset, **breaks).wait()


def start_worker(run_dir: RunDir, dataset: Dataset, *, at: int = 0, kind: Kind = "kill", limit: int | None = None) -> Forked:
    """Let a worker begin to carry out a run.

    Args:
        run_dir: the run.
        dataset: what it learns from.
        at: the write site at which it breaks; 0 never.
        kind: how it breaks.
        limit: largest size in bytes that any file may reach, as the system enforces it.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        die_with_parent()
        code = 99
        try:
            gc.freeze()  # what the tests hold is none of this process's business
            code = _be_a_worker(run_dir, dataset, Breaker(str(run_dir.folder), at, kind), write, limit)
        except BaseException:  # noqa: BLE001  (a child must never return into the tests)
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    return Forked(pid, read)


def _be_a_worker(run_dir: RunDir, dataset: Dataset, breaker: Breaker, tell: int, limit: int | None) -> int:
    import core.models.build
    import core.runs.directory.run_dir
    import core.training.checkpoint.serialization
    import core.training.checkpoint.state
    import core.training.loop
    from core.runs.worker import worker

    log = os.open(run_dir.folder.parent / "worker-output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    worker.NICENESS = 0
    core.training.loop.Loop.__init__.__kwdefaults__["checkpoint_interval_s"] = 0.0  # a checkpoint after every epoch
    for module, name, path_at in (
        (core.training.checkpoint.state, "save_file", 1),
        (core.models.build, "save_file", 1),
        (core.training.checkpoint.serialization, "save_file", 1),
        (core.runs.directory.run_dir, "_append_line", 0),
    ):
        setattr(module, name, _torn(getattr(module, name), breaker, path_at))
    sys.addaudithook(breaker.watch)
    if limit is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    code = worker.main([str(run_dir.folder), "--dataset", str(dataset.folder)])
    os.write(tell, str(breaker.count).encode())
    return code


def _torn(write: Callable[..., Any], breaker: Breaker, path_at: int) -> Callable[..., Any]:
    """The same function, with a write site in its middle: where it breaks, what it wrote stays half done."""

    def call(*arguments: Any, **options: Any) -> Any:
        path = Path(arguments[path_at])

        def tear() -> None:
            before = path.stat().st_size if path.exists() else 0
            at, breaker.at = breaker.at, 0
            write(*arguments, **options)
            breaker.at = at
            os.truncate(path, before + (path.stat().st_size - before) // 2)

        is_line = path_at == 0
        # A line that finds no room is taken back by the product itself; only a kill can leave half of one.
        breaker.site(None if is_line and breaker.kind != "kill" else tear)
        return write(*arguments, **options)

    return call
