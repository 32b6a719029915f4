"""Worker ranks: the processes of a distributed run, one for each GPU; ``python -m core.runs.worker.ranks RUN …`` starts one.

The worker is rank 0 and the only one that writes. The other ranks belong to its session, end with it at the latest, and ignore
signals: a stop request that the worker gets reaches them within the step. They rendezvous through a file and communicate over
the machine's loopback interface.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.config.run_config import RunConfig
from core.config.settings import PROJECT_ROOT
from core.machine.platform_support import usable_cores

GRACE_S = 20.0
"""How long the worker may take to report itself why another rank failed; usually both had the same error."""

POLL_S = 0.5


@contextmanager
def spawn_ranks(
    config: RunConfig,
    run_folder: Path,
    dataset_folder: Path,
    *,
    finish_now: bool = False,
    on_loss: Callable[[str], None],
    threads: int = 0,
) -> Iterator[None]:
    """Start the other ranks, as many as the run asks for and the machine has GPUs; they are ended when the block is left.

    Args:
        config: of the run.
        run_folder, dataset_folder: arguments of the ranks.
        finish_now: whether nothing is left to train, which one process does alone.
        on_loss: called from a thread, with a sentence, when a rank ended unexpectedly; must end this process, which may be
            waiting for that rank.
        threads: most CPU threads of all ranks together; 0 means one for each core.
    """
    size = 1 if finish_now else _size(config)
    if size < 2:
        yield
        return
    with tempfile.TemporaryDirectory(prefix=".meeting-", dir=run_folder, ignore_cleanup_errors=True) as folder:
        shared = _environment(size, Path(folder) / "meeting", threads)
        before = {name: os.environ.get(name) for name in (*shared, "RANK", "LOCAL_RANK")}
        os.environ.update({**shared, "RANK": "0", "LOCAL_RANK": "0"})
        ranks = [
            subprocess.Popen(
                command(run_folder, dataset_folder),
                cwd=PROJECT_ROOT,
                env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.PIPE,  # held open by this process until it ends: see leave_with_the_worker
            )
            for rank in range(1, size)
        ]
        done = threading.Event()
        watch = threading.Thread(target=_watch, args=(ranks, done, on_loss), daemon=True)
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()
            for rank in ranks:
                rank.kill()
                rank.communicate()
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def command(run_folder: Path, dataset_folder: Path) -> list[str]:
    """The command line of a rank. Its arguments are in another order than the worker's, by which the worker is found."""
    return [sys.executable, "-m", "core.runs.worker.ranks", "--dataset", str(dataset_folder), str(run_folder)]


def main(arguments: list[str] | None = None) -> int:
    """Work on a run as one of several ranks; the environment says which one."""
    parser = argparse.ArgumentParser(prog="python -m core.runs.worker.ranks", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # only the worker handles them, and stops all ranks in the same step
    leave_with_the_worker()

    from core.config.settings import Settings
    from core.datasets.dataset import open_dataset
    from core.machine.memory import cap_own_memory
    from core.runs.directory.run_dir import RunDir
    from core.training.fine_tune import Places, fine_tune
    from core.training.planning.memory_footprint import MemoryLimits
    from core.training.tracking.recorder import TrainingStopped

    run_dir = RunDir(options.run)
    settings = Settings.from_environment()
    limits = MemoryLimits(
        max_memory_mib=settings.max_memory_mib // int(os.environ.get("WORLD_SIZE", "1")), kills=run_dir.memory_kills()
    )
    cap_own_memory(limits.max_memory_mib)
    places = Places(
        checkpoints=run_dir.checkpoints,
        model=run_dir.model,
        predictions=run_dir.predictions_file,
        hub_models=settings.hub_models_folder,
    )
    try:
        fine_tune(run_dir.config(), open_dataset(options.dataset), places, _Silent(), limits=limits)
    except TrainingStopped:
        return 0
    return 0


def leave_with_the_worker() -> None:
    """From now on, end this process when the worker ends, even if it waits for the worker in the middle of a step.

    Standard input is a pipe whose other end only the worker holds, and never writes to. It is closed when the worker ends, at
    once and on every system. The parent's process id is less reliable: Windows keeps returning the one that has ended.
    """
    threading.Thread(target=_end_with_standard_input, name="leaves-with-the-worker", daemon=True).start()


def _end_with_standard_input() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)


class _Silent:
    """Ignores what the worker records for all ranks, and never asks for a stop itself."""

    def metrics(self, values: Mapping[str, float]) -> None:
        """Do nothing: the worker writes it."""

    def event(self, kind: str, message: str, **facts: Any) -> None:
        """Do nothing: the worker writes it."""

    def stop_requested(self) -> bool:
        """Never asks for a stop."""
        return False


def _size(config: RunConfig) -> int:
    """The number of ranks, including the worker."""
    wanted = config.compute.processes
    if wanted == 1:
        return 1
    import torch

    if config.compute.device in {"automatic", "cuda"} and torch.cuda.is_available():
        present = torch.cuda.device_count()
        return present if wanted == 0 else min(wanted, present)
    return 1 if config.compute.device == "mps" else max(1, wanted)


def _environment(size: int, meeting: Path, threads: int) -> dict[str, str]:
    return {
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "TUNEBOARD_MEETING": meeting.as_uri(),
        "OMP_NUM_THREADS": str(max(1, (threads or usable_cores()) // size)),
        "GLOO_SOCKET_IFNAME": _loopback(),
        "NCCL_SOCKET_IFNAME": _loopback(),
    }


def _loopback() -> str:
    """Name of the loopback interface. If it cannot be found, a name that may not exist rather than none: the ranks must not
    communicate over any other interface."""
    names = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
    return next((name for name in names if name.startswith("lo")), "lo")


def _watch(ranks: list[subprocess.Popen[bytes]], done: threading.Event, on_loss: Callable[[str], None]) -> None:
    while not done.wait(POLL_S):
        lost = [rank.returncode for rank in ranks if rank.poll() not in (None, 0)]
        if lost and not done.wait(GRACE_S):
            on_loss(f"A worker rank ended unexpectedly (exit code {lost[0]}). See the log for details.")


if __name__ == "__main__":
    sys.exit(main())
