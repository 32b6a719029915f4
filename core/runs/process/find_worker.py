"""Finding the worker of a run whose identity was not recorded."""

from pathlib import Path

from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.store.records import WorkerIdentity


def arguments(run_folder: Path, dataset_folder: Path) -> list[str]:
    """The command-line arguments that identify a worker of a run."""
    return [str(run_folder), "--dataset", str(dataset_folder)]


def worker_of(run_dir: RunDir, dataset_folder: Path) -> WorkerIdentity | None:
    """The worker process of a run: the one that holds its lock and wrote the last event, or has the run's folder as argument.

    A warm worker was told its run on its standard input, so its command line does not name the run. A worker that has just
    been started has not taken the lock yet.
    """
    try:
        is_locked = run_dir.has_worker()
    except OSError:  # the folder is missing or read-only: no worker could write there either
        is_locked = False
    said = [event.get("pid") for event in run_dir.events() if event.get("kind") == "state"] if is_locked else []
    holder = processes.identity(said[-1]) if said and isinstance(said[-1], int) else None
    return holder or processes.find(arguments(run_dir.folder, dataset_folder))
