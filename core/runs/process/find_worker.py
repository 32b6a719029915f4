"""Finding the worker of a run again that nobody noted."""

from pathlib import Path

from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.store.records import WorkerIdentity


def arguments(run_folder: Path, dataset_folder: Path) -> list[str]:
    """What every worker of a run has on its command line, and nobody else."""
    return [str(run_folder), "--dataset", str(dataset_folder)]


def worker_of(run_dir: RunDir, dataset_folder: Path) -> WorkerIdentity | None:
    """The process at work on a run: the one that holds its lock and was the last to speak, or else has its folder as an argument.

    A worker that had waited for a run was told it on its standard input, and has nothing on its command line. One that has just
    been started has not taken the lock yet.
    """
    try:
        is_locked = run_dir.has_worker()
    except OSError:  # the folder is gone or read-only: no worker could write there either
        is_locked = False
    said = [event.get("pid") for event in run_dir.events() if event.get("kind") == "state"] if is_locked else []
    holder = processes.identity(said[-1]) if said and isinstance(said[-1], int) else None
    return holder or processes.find(arguments(run_dir.folder, dataset_folder))
