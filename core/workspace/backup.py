"""A backup of a workspace while it is in use: database, data sets and runs, each as it was at one moment.

The database is copied first, so that it names nothing whose files do not exist yet. Then every data set and run it names is
copied. A running run is copied as it is: with its last checkpoints, or complete, if it finished meanwhile. What was deleted
meanwhile is removed from the copied database, and a running run gets the state there that its copied files have, so that a
restored backup never refers to a worker process of this machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa

import core
from core.config.settings import Settings
from core.errors import NotFoundError, RunError, UserError
from core.files import durable
from core.files.parts import sweep_parts
from core.files.trash import TRASH
from core.runs.directory.run_dir import RunDir
from core.runs.process.exit_status import headline
from core.runs.store.engine import changing, open_database, url_of
from core.runs.store.records import RunState
from core.runs.store.store import Store
from core.runs.store.tables import datasets, runs, switches
from core.runs.store.watched_file import file_of
from core.workspace.backup_format import (
    DATABASE,
    DATASETS,
    LARGEST_MANIFEST,
    MANIFEST,
    RUNS,
    Entry,
    Manifest,
    is_name,
    read_manifest,
)

Progress = Callable[[str], None]
"""Called with what is being done, in a few words."""

_CHUNK = 2**20
_STORED = (".parquet", ".safetensors")
"""Files that are stored uncompressed: they are compressed already or hardly compressible."""

_TRIES = 5
INTERRUPTED = "Restored from a backup that was made while the run was running. Resume continues from its last checkpoint, if any."


class Target(Protocol):
    """Where the files of a backup go."""

    def open(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """A file to write, by its name in the backup."""


def back_up(
    settings: Settings, file: Path, *, with_checkpoints: bool = True, replace: bool = False, progress: Progress = lambda _: None
) -> Manifest:
    """Write a backup of a workspace, complete and synced to the disk, or not at all.

    Args:
        settings: of the workspace.
        file: where to write: a zip if the name ends in ``.zip``, a folder otherwise.
        with_checkpoints: whether unfinished runs can be resumed from the backup.
        replace: whether an existing zip file is replaced, or an existing folder that contains only a backup.
        progress: called with what is being done.

    Raises:
        UserError: it cannot be written there, or the workspace cannot be read.
    """
    is_zip = file.suffix.lower() == ".zip"
    _check_free(file, settings, replace=replace)
    try:
        sweep_parts(file.parent)
        with durable.scratch_folder(settings.home) as scratch, ExitStack() as stack:
            if is_zip:
                partial = stack.enter_context(durable.written(file))
                target: Target = _Zip(stack.enter_context(zipfile.ZipFile(partial, "w", allowZip64=True)))
            else:
                target = _Folder(stack.enter_context(durable.written_folder(file)))
            manifest = _Backup(settings, target, scratch / DATABASE, with_checkpoints, progress).write()
            with target.open(MANIFEST) as out:
                out.write(manifest.to_json())
    except OSError as error:
        raise UserError(
            f"The backup could not be written: {error.strerror or type(error).__name__}. Free up disk space or choose another "
            "place; nothing was changed."
        ) from None
    return manifest


class _Backup:
    """A backup that is being written."""

    def __init__(self, settings: Settings, target: Target, database: Path, with_checkpoints: bool, progress: Progress) -> None:
        self._settings = settings
        self._target = target
        self._database = database
        self._with_checkpoints = with_checkpoints
        self._progress = progress
        self._files: dict[str, Entry] = {}

    def write(self) -> Manifest:
        """Copy everything but the manifest."""
        self._progress("copying the database")
        copy_database(self._settings, self._database)
        store = Store(sa.URL.create("sqlite", database=str(self._database)))
        try:
            records = store.datasets()
            for number, dataset in enumerate(records, start=1):
                self._progress(f"data set {number} of {len(records)}")
                is_there = self._copy(DATASETS, self._settings.datasets_folder / dataset.id, _files_below)
                if not is_there and self._was_deleted(dataset.id):
                    _forget_dataset(store, dataset.id)
            found = store.runs()
            for number, run in enumerate(found, start=1):
                self._progress(f"run {number} of {len(found)}")
                folder = self._settings.runs_folder / run.id
                if not self._copy(RUNS, folder, self._files_of_run) and self._was_deleted(run.id):
                    _end(store, run.id, folder, is_sealed=False)
                    store.delete_run(run.id)
                    continue
                is_sealed = f"{RUNS}/{run.id}/result.json" in self._files
                if (run.state is RunState.RUNNING) or (is_sealed and run.state is not RunState.SUCCEEDED):
                    _end(store, run.id, folder, is_sealed=is_sealed)
        finally:
            store.close()
        with self._database.open("rb") as source:
            self._add(DATABASE, source)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Manifest(self._files, now, self._with_checkpoints, core.__version__)

    def _was_deleted(self, one: str) -> bool:
        """Whether a data set or run was deleted since the database was copied; a folder can be missing for other reasons, too."""
        store = Store(url_of(self._settings))
        try:
            return one not in store.ids()
        finally:
            store.close()

    def _copy(self, room: str, folder: Path, choose: Callable[[Path], list[Path]]) -> bool:
        """Copy a folder as it is at one moment; whether it exists.

        Every file is opened before the first is read: what is deleted or replaced meanwhile can still be read then.
        A folder outside the workspace, which a foreign database could name, is not read.
        """
        rooms = (self._settings.datasets_folder, self._settings.runs_folder)
        if folder.parent not in rooms or not is_name(f"{room}/{folder.name}/file"):
            self._progress(f"skipped {folder.name[:80]!r}, which is outside the workspace")
            return True
        for _ in range(_TRIES):
            with ExitStack() as stack:
                try:
                    chosen = choose(folder)
                    opened = [(path, stack.enter_context(path.open("rb"))) for path in chosen]
                    if choose is not _files_below and set(choose(folder)) - set(chosen):
                        continue  # it finished, or got another checkpoint, in between
                except FileNotFoundError:
                    if not folder.is_dir():
                        return False
                    continue
                for path, source in opened:
                    name = f"{room}/{folder.name}/{path.relative_to(folder).as_posix()}"
                    if is_name(name):
                        self._add(name, source)
                    else:
                        self._progress(f"skipped {path.name[:80]!r}, which Tuneboard has not written")
                return bool(opened)
        raise UserError(f"The folder {folder.name} kept changing while it was copied. Try again in a moment.")

    def _files_of_run(self, folder: Path) -> list[Path]:
        """Consistent set of a run's files: with its results if it is complete, with its checkpoints if it is not."""
        run_dir = RunDir(folder)
        is_sealed = run_dir.result() is not None
        results = {run_dir.result_file.name, run_dir.predictions_file.name, run_dir.model.name}
        without = {run_dir.checkpoints.name} if is_sealed or not self._with_checkpoints else set()
        if not is_sealed:
            without |= results
        return [path for path in _files_below(folder) if path.relative_to(folder).parts[0] not in without]

    def _add(self, name: str, source: IO[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        # A growing file is copied up to its size at this moment.
        left = source.seek(0, 2)
        source.seek(0)
        with self._target.open(name) as out:
            while left and (chunk := source.read(min(_CHUNK, left))):
                digest.update(chunk)
                out.write(chunk)
                size, left = size + len(chunk), left - len(chunk)
        self._files[name] = Entry(digest.hexdigest(), size)


def copy_database(settings: Settings, file: Path) -> None:
    """Copy the database of a workspace, SQLite or PostgreSQL, as it is at one moment into a new SQLite file.

    Raises:
        UserError: it cannot be read now.
    """
    source = file_of(url_of(settings))
    if source is None:
        engine = open_database(url_of(settings))
        try:
            copy_rows(engine, sa.URL.create("sqlite", database=str(file)))
        finally:
            engine.dispose()
        return
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as old,
            contextlib.closing(sqlite3.connect(file)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise UserError(f"The database cannot be copied ({error}). Run 'python -m core doctor' for details.") from None


def copy_rows(source: sa.Engine, target: sa.URL) -> None:
    """Copy every row of an open database into another, which must be empty or already contain exactly these rows.

    Raises:
        UserError: it contains other rows, or cannot be written.
    """
    engine = open_database(target)
    try:
        with source.connect() as reading, changing(engine) as writing:
            if source.dialect.name == "postgresql":
                reading.execution_options(isolation_level="REPEATABLE READ")
            there, wanted = ids_in(writing), ids_in(reading)
            if there and there >= wanted:
                return  # an earlier process was killed right after they were copied
            if there:
                raise UserError(
                    "The database in TUNEBOARD_DATABASE_URL already contains data sets or runs, so nothing was copied into it. "
                    "Empty it, or name another one."
                )
            writing.execute(switches.delete())
            for table in (switches, datasets, runs):
                rows = [dict(row._mapping) for row in reading.execute(sa.select(table))]
                if rows:
                    writing.execute(table.insert(), rows)
    finally:
        engine.dispose()


def ids_in(connection: sa.Connection) -> set[str]:
    """The ids of every data set and run in a database."""
    return {row.id for table in (datasets, runs) for row in connection.execute(sa.select(table.c.id))}


def _files_below(folder: Path) -> list[Path]:
    """Every file of a folder that is not hidden, and not in a hidden folder; links are skipped.

    Raises:
        FileNotFoundError: the folder, or one in it, no longer exists.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink() or path.name == TRASH:
            continue
        found += _files_below(path) if path.is_dir() else [path]
    return found


def _forget_dataset(store: Store, dataset_id: str) -> None:
    """Remove a data set that was deleted meanwhile from the copied database, with its runs."""
    for run in store.runs(dataset_id=dataset_id):
        if run.state is RunState.RUNNING:
            store.end_run(run.id, RunState.INTERRUPTED)
    store.delete_dataset(dataset_id, with_runs=True)


def _end(store: Store, run_id: str, folder: Path, *, is_sealed: bool) -> None:
    """Set a run of the copied database to the state that its copied files have."""
    with contextlib.suppress(RunError, NotFoundError):
        if not is_sealed:
            if store.run(run_id).state is RunState.RUNNING:
                store.end_run(run_id, RunState.INTERRUPTED, message=INTERRUPTED)
            return
        run = store.run(run_id)
        if run.state not in (RunState.QUEUED, RunState.RUNNING):
            run = store.requeue(run_id, finish_early=False)
        if run.state is RunState.QUEUED:
            store.start_run(run_id, events_offset=run.events_offset)
        title, score = headline(run.task, run_id, RunDir(folder))
        store.end_run(run_id, RunState.SUCCEEDED, headline_name=title, headline=score)


def _check_free(file: Path, settings: Settings, *, replace: bool) -> None:
    """Refuse to overwrite the workspace or anything that is not a backup, and to write into the workspace."""
    place, home = file.resolve(), settings.home.resolve()
    if place.is_relative_to(home):
        raise UserError("A backup inside the workspace would be lost with it. Choose a place outside the workspace.")
    if any(one.resolve().is_relative_to(place) for one in (home, settings.datasets_folder, settings.runs_folder)):
        raise UserError("The backup would replace a folder that contains the workspace. Choose another name.")
    is_used = file.exists() and not (file.is_dir() and not any(file.iterdir()))
    if is_used and not replace:
        raise UserError(f"{file.name!r} already exists. Choose another name, or replace it with --force.")
    if is_used and not (_is_backup_folder(file) if file.is_dir() else file.is_file() and file.suffix.lower() == ".zip"):
        raise UserError(f"{file.name!r} is not a backup, so it is not replaced: its content would be lost. Choose another name.")


def _is_backup_folder(folder: Path) -> bool:
    """Whether a folder contains a backup, and nothing else that would be lost with it."""
    if not {path.name for path in folder.iterdir()} <= {MANIFEST, DATABASE, DATASETS, RUNS}:
        return False
    manifest = folder / MANIFEST
    try:
        if not manifest.is_file() or manifest.stat().st_size > LARGEST_MANIFEST:
            return False
        read_manifest(manifest.read_bytes())
    except (OSError, UserError):
        return False
    return True


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        entry = zipfile.ZipInfo(name, date_time=datetime.now(UTC).timetuple()[:6])
        entry.compress_type = zipfile.ZIP_STORED if name.endswith(_STORED) else zipfile.ZIP_DEFLATED
        with self._archive.open(entry, "w", force_zip64=True) as out:
            yield out


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            yield out
