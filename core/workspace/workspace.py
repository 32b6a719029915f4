"""The single entry point to a workspace for pages and the command line: data sets, runs, and what people can do with them.

Everything a person can do has one function here. A function checks that it is possible, writes to the database through the store
and leaves the work itself to the owner of the queue. Names are for people and can be chosen freely; folders are named by ids.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.errors import DatasetError, RunError, UserError
from core.files import trash
from core.files.safe_path import has_content, inside, make_folders
from core.files.work_folders import sweep as sweep_work
from core.names import clean_name
from core.runs.directory.ids import new_folder
from core.runs.directory.run_dir import RunDir
from core.runs.recovery.leftovers import finish_deletions, sweep
from core.runs.recovery.recovering_store import RecoveringStore
from core.runs.scheduler.queue_control import QueueDesk
from core.runs.scheduler.scheduler import WORKER_COMMAND, Scheduler
from core.runs.store.records import DatasetRecord, RunRecord, RunState
from core.runs.store.run_queries import RunLists
from core.workspace.launch_checks import check_agreement, check_finishable, check_room
from core.workspace.restore import finish_restore

if TYPE_CHECKING:  # pandas takes half a second to import, which listing runs should not cost
    from core.datasets.dataset import Dataset
    from core.datasets.importing.prepare import Prepared


class Workspace:
    """One workspace, as one process sees it. Safe to use from several threads.

    Attributes:
        settings: where it is, and its limits.
        database: its database, with the last rebuild.
        store: the database as the current user sees it.
        scheduler: the scheduler of its runs in this process, once ``start_launcher`` was called.
    """

    def __init__(self, settings: Settings, *, worker_command: Sequence[str] = WORKER_COMMAND) -> None:
        """Open the workspace, creating its folders and database if they do not exist yet.

        Args:
            settings: where it is, and its limits.
            worker_command: command that a scheduler made here starts for each run.

        Raises:
            UserError: the folder cannot be written to, or the database cannot be opened.
        """
        make_folders(settings.home)
        finish_restore(settings)
        make_folders(settings.home, settings.datasets_folder, settings.runs_folder, settings.uploads_folder)
        sweep_work(settings.work_folder)
        self.settings = settings
        self.database = RecoveringStore(settings)
        self.store = self.database.store
        sweep(settings, self.store)
        self.scheduler: Scheduler | None = None
        self._worker_command = tuple(worker_command)
        self._is_shared = False

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """The workspace that the settings, or else the environment, point to."""
        return cls(settings or Settings.from_environment())

    def for_user(self, name: str, *, is_administrator: bool = False) -> Self:
        """The workspace as one person sees it: what belongs to others is hidden, unless they are an administrator."""
        view = copy.copy(self)
        view.store = self.store.for_user(name, sees_all=is_administrator)
        view._is_shared = True
        return view

    def close(self) -> None:
        """Stop the scheduler of this process, if any, and close the database. Workers continue."""
        if self.scheduler is not None:
            self.scheduler.stop()
            self.scheduler = None
        self.store.close()

    def start_launcher(self) -> Scheduler:
        """Start the scheduler of the workspace's runs in this process; a second call changes nothing."""
        if self.scheduler is None:
            self.scheduler = self.new_launcher()
            self.scheduler.start()
        return self.scheduler

    def new_launcher(self) -> Scheduler:
        """A scheduler that is not started, for a caller that runs its rounds step by step."""
        return Scheduler(self.store, self.settings, self._worker_command)

    def settle(self) -> None:
        """Update the database if no process supervises the runs: runs whose worker has ended get their final state."""
        if self.scheduler is not None:
            return
        scheduler = self.new_launcher()
        try:
            if scheduler.own():
                scheduler.supervise()
        finally:
            scheduler.disown()

    # --- data sets ---------------------------------------------------------------------------------------------------------

    def save_dataset(self, prepared: Prepared, name: str) -> DatasetRecord:
        """Write a data set and add it to the database; a name that is taken gets a number.

        Raises:
            DatasetError: the name is empty or too long.
        """
        from core.datasets.importing.prepare import write

        name = clean_name(name, DatasetError)
        folder = new_folder(self.settings.datasets_folder)
        try:
            dataset = write(prepared, folder)
            return self.store.add_dataset(
                DatasetRecord(
                    id=folder.name,
                    name=name,
                    task=dataset.task,
                    num_examples=sum(dataset.num_examples.values()),
                    num_labels=len(dataset.labels),
                    content_hash=dataset.content_hash,
                    created_at=datetime.now(UTC),
                )
            )
        except BaseException:
            trash.remove_folder(folder)
            raise

    def dataset_records(self) -> list[DatasetRecord]:
        """Every data set, newest first."""
        return self.store.datasets()

    def dataset_record(self, id_or_name: str) -> DatasetRecord:
        """One data set's database record.

        Raises:
            NotFoundError: nothing has this id or name.
        """
        return self.store.dataset(id_or_name)

    def dataset(self, id_or_name: str) -> Dataset:
        """A data set on disk.

        Raises:
            NotFoundError: nothing has this id or name, or its folder is missing or damaged.
        """
        from core.datasets.dataset import open_dataset

        return open_dataset(inside(self.settings.datasets_folder, self.store.dataset(id_or_name).id))

    def rename_dataset(self, dataset_id: str, name: str) -> DatasetRecord:
        """Give a data set another name.

        Raises:
            DatasetError: the name is empty, too long or taken.
            NotFoundError: there is no such data set.
        """
        return self.store.rename_dataset(dataset_id, clean_name(name, DatasetError))

    def delete_dataset(self, dataset_id: str, *, with_runs: bool = False) -> None:
        """Delete a data set; its runs too if asked.

        Raises:
            DatasetError: it has runs and ``with_runs`` is not set, or one of them is running. The message says how many.
            NotFoundError: there is no such data set.
        """
        folder = inside(self.settings.datasets_folder, self.store.dataset(dataset_id).id)

        def hide(run_ids: Sequence[str]) -> None:
            for run_id in run_ids:
                trash.hide(inside(self.settings.runs_folder, run_id))
            trash.hide(folder)

        with self._finishing_deletions():
            self.store.delete_dataset(folder.name, with_runs=with_runs, hide=hide)

    def runs_of_dataset(self, dataset_id: str) -> list[RunRecord]:
        """Every run that uses a data set, newest first."""
        return self.store.runs(dataset_id=dataset_id)

    # --- runs --------------------------------------------------------------------------------------------------------------

    def launch(self, config: RunConfig, *, name: str | None = None) -> RunRecord:
        """Create a run and put it at the end of the queue.

        Args:
            config: the run's complete config.
            name: display name; made from the data set's name if not given. A name that is taken gets a number.

        Raises:
            ConfigError: the data set has changed since the config was made, or belongs to another task.
            NotFoundError: there is no such data set.
            ModelError: the settings do not allow the model.
            RunError: the queue is full.
        """
        self.check_model(config.model.model)
        check_room(self.store, self.settings)
        dataset = self.dataset(config.data.dataset)
        dataset_name = self.store.dataset(dataset.id).name
        check_agreement(config, dataset, dataset_name)
        called = clean_name(name, RunError) if name else f"{dataset_name} {self.lists.num_of_datasets().get(dataset.id, 0) + 1}"
        try:
            folder = new_folder(self.settings.runs_folder, lambda folder: RunDir(folder).create(config))
        except OSError as error:
            raise RunError(
                f"The run's folder cannot be created: {error.strerror}. Free up disk space or check permissions."
            ) from None
        record = RunRecord(
            id=folder.name,
            name=called,
            dataset_id=dataset.id,
            task=dataset.task,
            model=config.model.model,
            recipe=config.recipe,
            state=RunState.QUEUED,
            created_at=datetime.now(UTC),
        )
        try:
            record = self.store.add_run(record)
        except BaseException:
            trash.remove_folder(folder)
            raise
        RunDir(folder).note_about(name=record.name, created_at=record.created_at.isoformat(), owner=record.owner)
        self._wake()
        return record

    def check_model(self, reference: str) -> None:
        """Refuse a model reference that the settings do not allow.

        Raises:
            ModelError: says which models are allowed.
        """
        from core.models.policy import check_allowed

        settings = self.settings
        check_allowed(reference, roots=settings.model_roots, hub_models=settings.hub_models, is_shared=self._is_shared)

    def runs(self) -> list[RunRecord]:
        """Every run, newest first."""
        return self.store.runs()

    @property
    def lists(self) -> RunLists:
        """The newest matching runs, and counts of runs, for pages that do not show every run."""
        return self.store.lists

    def queue(self) -> list[RunRecord]:
        """Queued runs, in the order in which they will start."""
        return self.store.queue()

    @property
    def desk(self) -> QueueDesk:
        """Control of the queue: order, pause, how many at once."""
        return QueueDesk(self.store, self.settings, self.scheduler or self.new_launcher())

    def run(self, id_or_name: str) -> RunRecord:
        """One run's database record.

        Raises:
            NotFoundError: nothing has this id or name.
        """
        return self.store.run(id_or_name)

    def run_dir(self, run_id: str) -> RunDir:
        """The run directory of a run's id.

        Raises:
            NotFoundError: this cannot be the id of a run.
        """
        return RunDir(inside(self.settings.runs_folder, run_id))

    def stop(self, run_id: str) -> RunRecord:
        """Ask a run to stop: a queued run is cancelled at once, a running run ends after its current step with a checkpoint.

        Asking twice changes nothing.

        Raises:
            RunError: the run has already ended.
            NotFoundError: there is no such run.
        """
        record = self.store.request_stop(run_id)
        self._wake()
        return record

    def resume(self, run_id: str) -> RunRecord:
        """Queue a run that ended early again; it continues from its last verified checkpoint.

        Raises:
            RunError: the run has succeeded, or has not ended, or the queue is full.
            ModelError: the settings no longer allow its model.
            NotFoundError: there is no such run, or its data set is missing.
        """
        return self._requeue(run_id, finish_early=False)

    def finish(self, run_id: str) -> RunRecord:
        """Queue a run that ended early for its results only: the best checkpoint so far is evaluated, without more training.

        Raises:
            RunError: the run has succeeded, has not ended, or has no checkpoint, or the queue is full.
            ModelError: the settings no longer allow its model.
            NotFoundError: there is no such run, or its data set is missing.
        """
        record = self.store.run(run_id)
        check_finishable(record, has_checkpoint=has_content(self.run_dir(record.id).checkpoints))
        return self._requeue(run_id, finish_early=True)

    def rename_run(self, run_id: str, name: str) -> RunRecord:
        """Give a run another name.

        Raises:
            RunError: the name is empty, too long or taken.
            NotFoundError: there is no such run.
        """
        record = self.store.rename_run(run_id, clean_name(name, RunError))
        self.run_dir(record.id).note_about(name=record.name)
        return record

    def tag_run(self, run_id: str, tags: Sequence[str]) -> RunRecord:
        """Replace the tags of a run.

        Raises:
            RunError: a tag is too long.
            NotFoundError: there is no such run.
        """
        cleaned = [clean_name(tag, RunError) for tag in tags if tag.strip()]
        record = self.store.tag_run(run_id, tuple(dict.fromkeys(cleaned)))
        self.run_dir(record.id).note_about(tags=list(record.tags))
        return record

    def delete_run(self, run_id: str) -> None:
        """Delete a run with everything it wrote.

        Raises:
            RunError: it is running.
            NotFoundError: there is no such run.
        """
        folder = inside(self.settings.runs_folder, self.store.run(run_id).id)
        with self._finishing_deletions():
            self.store.delete_run(folder.name, hide=lambda: trash.hide(folder))

    def _requeue(self, run_id: str, *, finish_early: bool) -> RunRecord:
        run = self.store.run(run_id)
        self.dataset(run.dataset_id)
        if run.state.is_final:  # for others, the store raises the error
            self.check_model(run.model)
            check_room(self.store, self.settings)
        record = self.store.requeue(run_id, finish_early=finish_early)
        self._wake()
        return record

    @contextlib.contextmanager
    def _finishing_deletions(self) -> Iterator[None]:
        """Afterwards, hidden folders are removed if the database change was committed, and put back if it was not."""
        try:
            yield
        finally:
            with contextlib.suppress(UserError):  # the database cannot be read now; the next start does it
                finish_deletions(self.settings, self.store)

    def _wake(self) -> None:
        if self.scheduler is not None:
            self.scheduler.wake()
