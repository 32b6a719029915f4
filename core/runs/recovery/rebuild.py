"""Rebuilding the database from the folders of a workspace.

The folders of data sets and runs contain everything but names, tags and the order of the queue; a run's folder has a copy of its
name and tags. A database that cannot be read is renamed, never deleted. Existing rows of the database are not changed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from core.config.settings import Settings
from core.errors import UserError
from core.files import durable
from core.files.private import file_mode
from core.runs.directory.run_dir import RunDir, read_json
from core.runs.process.exit_status import LONGEST_MESSAGE, headline
from core.runs.process.find_worker import worker_of
from core.runs.recovery.damaged_files import damage_of_dataset, in_words
from core.runs.recovery.import_lost_database import carry_over
from core.runs.store.engine import BUSY_TIMEOUT_S, NotNowError, changing, open_database, url_of
from core.runs.store.records import DatasetRecord, RunRecord, RunState
from core.runs.store.store import Store
from core.runs.store.tables import datasets, row_of_dataset, row_of_run, runs
from core.runs.store.watched_file import OpenFile, file_of


@dataclass
class RebuildSummary:
    """What a rebuild did.

    Attributes:
        set_aside: where the damaged database is now; ``None`` if there was none.
        num_carried: how many data sets and runs were imported from a database that was lost while in use.
        num_datasets, num_runs: how many were added from their folders.
        left_out: name of each folder that could not be added, and why.
        moment: when.
    """

    set_aside: Path | None = None
    num_carried: int = 0
    num_datasets: int = 0
    num_runs: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))


def rebuild(settings: Settings, lost: OpenFile | None = None) -> RebuildSummary:
    """Add to the database the data sets and runs that are only in the folders. Several processes may do so at the same time.

    Args:
        settings: where everything is.
        lost: the database file from before it was deleted or replaced while in use; its rows are imported first.

    Raises:
        UserError: the database cannot be opened, and is not a file of this workspace that could be renamed.
    """
    with _one_at_a_time(settings):
        return _rebuild(settings, lost)


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Hold the rebuild lock, so that no other process renames database files, such as the new one of this process."""
    try:
        lock = FileLock(settings.home / "catalogue.lock", timeout=BUSY_TIMEOUT_S, mode=file_mode(settings.home))
        lock.acquire()
    except Timeout:
        raise NotNowError(
            "Another process has been rebuilding the database for a minute; nothing was changed. Try again later."
        ) from None
    except OSError as error:
        raise UserError(
            f"The workspace {settings.home} is not writable ({error.strerror}), so its database cannot be rebuilt. "
            "Give this user write access and try again."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _rebuild(settings: Settings, lost: OpenFile | None) -> RebuildSummary:
    account = RebuildSummary()
    if lost is not None:
        lost.remove_leftovers()
    engine = _opened(settings, account)
    try:
        with changing(engine) as connection:
            if lost is not None:
                account.num_carried = carry_over(connection, lost)
            known = {row.id for table in (datasets, runs) for row in connection.execute(sa.select(table.c.id))}
            names = {row.name for table in (datasets, runs) for row in connection.execute(sa.select(table.c.name))}
            for folder in _folders(settings.datasets_folder, known):
                dataset = _dataset_of(folder)
                if dataset is None:
                    account.left_out[folder.name] = "its dataset.json is missing or damaged"
                    continue
                if damage := damage_of_dataset(folder):
                    account.left_out[folder.name] = f"it is damaged: {in_words(damage)}"
                    continue
                dataset["name"] = _free(dataset["name"], names)
                connection.execute(datasets.insert().values(row_of_dataset(DatasetRecord(**dataset))))
                known.add(folder.name)
                account.num_datasets += 1
            for position, folder in enumerate(_folders(settings.runs_folder, known), start=1):
                run = _run_of(folder, settings)
                if run is None or run["dataset_id"] not in known:
                    account.left_out[folder.name] = (
                        "its config.yaml is missing or damaged" if run is None else "its data set is missing"
                    )
                    continue
                run["name"] = _free(run["name"], names)
                worker = run.pop("worker")
                columns = {"worker_pid": None, "worker_started_at": None, "worker_boot_id": None}
                if worker is not None:
                    columns = {f"worker_{name}": getattr(worker, name) for name in ("pid", "started_at", "boot_id")}
                connection.execute(runs.insert().values(**row_of_run(RunRecord(**run)), **columns, queue_position=-position))
                account.num_runs += 1
    finally:
        engine.dispose()
    return account


def num_lost_folders(settings: Settings, store: Store) -> int:
    """Number of folders of data sets and runs in a workspace whose database is empty; 0 if the database is not empty."""
    if store.lists.overview().num_runs or store.datasets():
        return 0
    return sum(len(_folders(parent, set())) for parent in (settings.datasets_folder, settings.runs_folder))


def _opened(settings: Settings, account: RebuildSummary) -> sa.Engine:
    file, url = settings.database_file, url_of(settings)
    try:
        engine = open_database(url)
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                found = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if found != "ok":
                engine.dispose()
                raise UserError(f"The database is damaged: {found}")
        return engine
    except NotNowError:
        raise  # it may be intact
    except (UserError, sa.exc.DBAPIError) as error:
        is_ours = file_of(url) == file.absolute()
        if not is_ours or not file.is_file() or "newer Tuneboard" in str(error):
            raise UserError(str(error)) from None
    account.set_aside = file.with_name(f"{file.name}.damaged-{time.time_ns()}")
    durable.move(file, account.set_aside)
    for rest in (file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        if rest.exists():
            durable.move(rest, rest.with_name(f"{account.set_aside.name}{rest.name.removeprefix(file.name)}"))
    return open_database(url)


def _folders(parent: Path, known: set[str]) -> list[Path]:
    """Folders that are not in the database, except empty ones, which an interrupted import or launch left."""
    found = parent.iterdir() if parent.is_dir() else iter(())
    visible = (folder for folder in found if folder.is_dir() and not folder.name.startswith("."))
    return sorted(folder for folder in visible if folder.name not in known and any(folder.iterdir()))


def _dataset_of(folder: Path) -> dict[str, Any] | None:
    about = read_json(folder / "dataset.json")
    try:
        if about is None or not (folder / "examples.parquet").is_file():
            return None
        version = int(about.get("version") or 1)
        return {
            "id": folder.name,
            "name": _name_of_file(about.get("source")) + (f" v{version}" if version > 1 else ""),
            "task": str(about["task"]),
            "num_examples": sum(int(count) for count in about["num_examples"].values()),
            "num_labels": len(about["labels"]),
            "content_hash": str(about["content_hash"]),
            "created_at": _moment(about.get("created_at"), folder),
            "parent_id": about.get("parent"),
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _run_of(folder: Path, settings: Settings) -> dict[str, Any] | None:
    run_dir = RunDir(folder)
    try:
        config = run_dir.config()
    except (OSError, UserError, ValueError):
        return None
    about = run_dir.about()
    run = {
        "id": folder.name,
        "name": str(about.get("name") or folder.name),
        "dataset_id": config.data.dataset,
        "task": config.data.task,
        "model": config.model.model,
        "recipe": config.recipe,
        "created_at": _moment(about.get("created_at"), run_dir.config_file),
        "tags": tuple(str(tag) for tag in about.get("tags") or ()),
        "owner": about.get("owner"),
        "worker": None,
    }
    at_work = worker_of(run_dir, settings.datasets_folder / config.data.dataset)
    events = run_dir.events()
    times = [event.get("time") for event in events]
    if times:
        run["started_at"], run["finished_at"] = _moment(times[0], folder), _moment(times[-1], folder)
    error = run_dir.error()
    if run_dir.result() is not None:
        title, value = headline(config.data.task, folder.name, run_dir)
        return {**run, "state": RunState.SUCCEEDED, "headline_name": title, "headline": value}
    if at_work is not None:
        return {**run, "state": RunState.RUNNING, "worker": at_work, "finished_at": None}
    last_word: dict[str, Any] = next((event for event in reversed(events) if event.get("kind") == "state"), {})
    if last_word.get("state") in (RunState.CANCELLED, RunState.FAILED):
        said = str(last_word.get("message") or "")[:LONGEST_MESSAGE]
        return {**run, "state": RunState(last_word["state"]), "message": said or None}
    if error is not None:
        return {**run, "state": RunState.FAILED, "message": str(error.get("message"))[:LONGEST_MESSAGE]}
    message = "Recovered from its folder after the database was lost. Resume continues from its last checkpoint, if any."
    return {**run, "state": RunState.INTERRUPTED, "message": message}


def _name_of_file(source: Any) -> str:
    """Name of the imported file, without its extension."""
    files = source.get("files") if isinstance(source, dict) else None
    name = files[0].get("file_name") if files and isinstance(files[0], dict) else None
    return Path(str(name)).stem[:100] if name else "data set"


def _moment(written: Any, path: Path) -> datetime:
    try:
        moment = datetime.fromisoformat(str(written))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    taken.add(free)
    return free
