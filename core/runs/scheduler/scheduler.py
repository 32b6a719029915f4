"""The scheduler: a background thread that starts queued runs as worker processes and records in the database how they end.

Of all processes that have a workspace open, the one that holds the lock on ``queue.lock`` owns the queue; the others watch and
take over when it ends. The owner makes about three rounds a second: pass on stop requests, settle runs whose worker has ended,
start queued runs. No state is in memory alone: a worker is recorded in the database and writes its own folder. So after an owner
was killed, the next one adopts the running workers and settles the runs whose worker has ended.
"""

import dataclasses
import json
import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from core.config.settings import PROJECT_ROOT, Settings
from core.errors import ModelError, NotFoundError, RunError
from core.files.private import file_mode
from core.files.safe_path import has_content
from core.models.policy import check_allowed
from core.runs.directory.run_dir import RunDir
from core.runs.process import processes, stop_requests
from core.runs.process.exit_status import has_announced_itself, headline, read_ending
from core.runs.process.find_worker import arguments as worker_arguments
from core.runs.process.find_worker import worker_of
from core.runs.process.stop_requests import Stop
from core.runs.process.working_time import WorkingTimes
from core.runs.scheduler.gpus import VISIBLE, Shortage
from core.runs.scheduler.placement import Placement
from core.runs.scheduler.stop_escalation import StopEscalation, StopTimes
from core.runs.scheduler.wait_reasons import disk_is_short, why_to_end
from core.runs.scheduler.warm_worker import WarmWorker
from core.runs.store.engine import NotNowError
from core.runs.store.records import RunRecord, RunState
from core.runs.store.store import Store

logger = logging.getLogger(__name__)

WORKER_COMMAND = (sys.executable, "-m", "core.runs.worker")
"""Command of the worker; followed by the run folder, ``--dataset``, its folder and perhaps ``--finish``, or by ``--wait``."""

PERIOD_S = 0.3
MOST_MEMORY_KILLS = 3
"""How often a run continues automatically after the system has killed it for lack of memory: from its last checkpoint, each time
with micro-batches half as large."""

LONGEST_PAUSE_S = 10.0
"""Longest pause of the thread after rounds that failed repeatedly, for instance because the disk is full."""


class Scheduler:
    """Supervises the runs of one workspace from this process, if no other process does."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        worker_command: Sequence[str] = WORKER_COMMAND,
        *,
        max_running: int | None = None,
        stop_times: StopTimes | None = None,
        warm_worker: WarmWorker | None = None,
        gpu_ids: Sequence[str] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._worker_command = tuple(worker_command)
        self._placement = Placement(store, settings, max_running=max_running, gpu_ids=gpu_ids)
        self._stops = StopEscalation(stop_times or StopTimes())
        self.warm_worker = warm_worker or WarmWorker(worker_command)
        self._at_work = WorkingTimes()
        self._ended_for: dict[str, str] = {}
        self.watches = False
        """Whether another process was found to own the queue."""
        # Acquired by the thread and released by the caller of stop, so the lock must not belong to one thread.
        self._lock = FileLock(settings.queue_lock, thread_local=False, mode=file_mode(settings.home))
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._awake = threading.Event()

    @property
    def owns_queue(self) -> bool:
        """Whether this process starts and settles the runs; otherwise another one does, and this one watches."""
        return bool(self._lock.is_locked)

    # --- the thread --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run the rounds in a background thread until ``stop``."""
        if self._thread is None:
            self._ending.clear()
            self._thread = threading.Thread(target=self._run_rounds, name="scheduler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and release the queue. Workers continue."""
        self._ending.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
            self._thread = None
        self.disown()

    def wake(self) -> None:
        """Start the next round now, because something has changed."""
        self._awake.set()

    def _run_rounds(self) -> None:
        pause_s = PERIOD_S
        while not self._ending.is_set():
            self._awake.clear()
            try:
                self.step()
                pause_s = PERIOD_S
            except Exception:
                logger.exception("A round of the scheduler failed; the scheduler continues.")
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._awake.wait(pause_s)

    # --- one round ---------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One round, if this process owns the queue or can take it."""
        if self.own():
            self.supervise()
            self.start_queued()
            if self._settings.resident_worker:
                self.warm_worker.tend(self._environment_to_expect, is_useful=self._has_room())
        else:
            self.warm_worker.dismiss()

    def expect_launch(self) -> None:
        """Note that a visitor may launch a run soon: start a warm worker, if settings and memory allow."""
        self.warm_worker.expect()

    def own(self) -> bool:
        """Take the queue if no process owns it; whether this process owns it now."""
        if not self._lock.is_locked:
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                self.watches = True
                return False
        self.watches = False
        return True

    def disown(self) -> None:
        """Release the queue."""
        self.warm_worker.dismiss()
        self._lock.release()

    def supervise(self) -> None:
        """Pass on stop requests, and settle runs whose worker has ended. Only the owner may call this."""
        for record in self._store.running():
            try:
                self._look_after(record)
            except Exception:
                logger.exception("Run %s could not be supervised in this round.", record.id)

    def start_queued(self) -> None:
        """Start the runs whose turn it is. Only the owner may call this."""
        for record in self._store.queue():
            if not self._has_room():
                return
            devices = self._devices(record)
            if isinstance(devices, Shortage):
                return  # runs behind it may need fewer GPUs, but then it could wait for ever
            try:
                self._start(record, devices)
            except NotNowError as error:
                logger.warning("Run %s stays queued: %s", record.id, error)
                return
            except Exception:
                logger.exception("Run %s could not be started.", record.id)
                if self._store.run(record.id).state is RunState.QUEUED:
                    self._fail(record, "The run could not be started because of an unexpected error; see the server's log.")

    def is_looked_after(self) -> bool:
        """Whether this process or another one starts queued runs."""
        if self.owns_queue:
            return True
        try:
            with FileLock(self._settings.queue_lock, blocking=False):  # a separate lock object, since the thread may use ours
                return False
        except Timeout:
            return True

    def at_once(self) -> int:
        """How many runs may run at the same time."""
        return self._placement.at_once()

    def shortage(self, record: RunRecord) -> Shortage | None:
        """The GPUs that the run lacks if it were first in the queue; ``None`` if all it asks for are free."""
        devices = self._devices(record)
        return devices if isinstance(devices, Shortage) else None

    def _has_room(self) -> bool:
        """Whether one more run may start now."""
        if self._store.order.switches().paused or disk_is_short(self._settings):
            return False
        return len(self._store.running()) < self.at_once()

    # --- looking after a run -----------------------------------------------------------------------------------------------

    def _look_after(self, record: RunRecord) -> None:
        run_dir = self._run_dir(record)
        is_alive = record.worker is not None and processes.is_alive(record.worker)
        if not is_alive and not (record.worker is not None and has_announced_itself(record, run_dir)):
            # The previous owner may have been killed between starting a worker and recording it. A recorded worker that reported
            # that it is up is the right one: its final state event counts, even if another process has its arguments now.
            found = worker_of(run_dir, self._dataset_folder(record))
            if found is not None:
                record, is_alive = self._store.set_worker(record.id, found), True
        if record.worker is None or not is_alive:
            self._settle(record, run_dir)
        elif record.stop_requested:
            self._stops.press(record, run_dir, record.worker)
        elif record.id not in self._ended_for and (reason := why_to_end(self._settings, self._at_work.of(record, run_dir))):
            self._ended_for[record.id] = reason
            stop_requests.send(record.worker, run_dir, Stop.BY_MACHINE)

    def _settle(self, record: RunRecord, run_dir: RunDir) -> None:
        """Record in the database how the run of an ended worker ended."""
        exit_code = None if record.worker is None else processes.exit_code(record.worker)
        ending = read_ending(record, run_dir, exit_code)
        reason = self._ended_for.pop(record.id, None)
        if ending.state is RunState.INTERRUPTED and reason is not None:
            then = (
                "Resume continues from its last checkpoint."
                if has_content(run_dir.checkpoints)
                else "It had no checkpoint yet, so resuming starts from scratch."
            )
            ending = dataclasses.replace(ending, message=f"{reason} {then}")
        if ending.ran_out_of_memory and self._may_continue_smaller(record, run_dir):
            logger.warning("Run %s was killed for lack of memory; it continues with smaller micro-batches.", record.id)
            self._store.continue_run(record.id, finished_at=ending.finished_at)
            self._forget(record)
            return
        title, score = None, None
        if ending.state is RunState.SUCCEEDED:
            title, score = headline(record.task, record.id, run_dir)
        self._store.end_run(
            record.id,
            ending.state,
            message=ending.message,
            finished_at=ending.finished_at,
            headline_name=title,
            headline=score,
        )
        self._forget(record)

    def _may_continue_smaller(self, record: RunRecord, run_dir: RunDir) -> bool:
        """Record an out-of-memory kill of a run, which halves its micro-batches; whether to retry it automatically."""
        kills = run_dir.memory_kills() + 1
        run_dir.note_about(memory_kills=kills)
        # A kill that could not be recorded would be retried for ever, and finishing has no micro-batches.
        return kills <= MOST_MEMORY_KILLS and run_dir.memory_kills() == kills and not record.finish_early

    def _forget(self, record: RunRecord) -> None:
        self._stops.forget(record.id)
        self._at_work.forget(record.id)
        if record.worker is not None:
            processes.forget(record.worker)

    # --- starting a run ----------------------------------------------------------------------------------------------------

    def _start(self, record: RunRecord, devices: tuple[str, ...]) -> None:
        """Start one queued run on these GPUs. A run that cannot start has failed, and does not block the queue."""
        from core.datasets.dataset import open_dataset  # pandas, which a process that only lists runs does not need

        run_dir = self._run_dir(record)
        try:
            self._check_model(record)
        except ModelError as error:
            self._fail(record, str(error))
            return
        try:
            open_dataset(self._dataset_folder(record))
        except NotFoundError:
            self._fail(record, "The data set of this run is missing or damaged. Import it again and launch a new run.")
            return
        if not run_dir.config_file.is_file():
            self._fail(record, "The folder of this run is missing or has no config.yaml. Launch a new run.")
            return

        environment = self._placement.environment(record.model, devices)
        # A warm worker is recorded before it gets its run: so no unknown worker is left if this process dies in between.
        waiting = self.warm_worker.take(environment)
        try:
            self._store.start_run(record.id, events_offset=_size(run_dir), worker=waiting)
        except Exception as error:
            if waiting is not None:
                processes.dismiss(waiting)
            if isinstance(error, RunError | NotFoundError):  # cancelled or deleted a moment ago
                return
            raise
        arguments = [
            *worker_arguments(run_dir.folder, self._dataset_folder(record)),
            *(["--finish"] if record.finish_early else []),
        ]
        if waiting is not None and processes.hand_over(waiting, json.dumps({"arguments": arguments})):
            return
        try:
            worker = processes.start(
                [*self._worker_command, *arguments], folder=PROJECT_ROOT, environment=environment, log_file=run_dir.log_file
            )
        except OSError as error:
            self._fail(record, f"The worker could not be started: {error}. Fix the cause, then resume the run.")
        else:
            self._store.set_worker(record.id, worker)

    def _devices(self, record: RunRecord) -> tuple[str, ...] | Shortage:
        return self._placement.devices(record, first=self.warm_worker.environment.get(VISIBLE, ""))

    def _environment_to_expect(self) -> dict[str, str]:
        return self._placement.environment_to_expect(first=self.warm_worker.environment.get(VISIBLE, ""))

    def _check_model(self, record: RunRecord) -> None:
        """Refuse a model that the settings no longer allow, though they did when the run was launched.

        Raises:
            ModelError: says which models are allowed.
        """
        settings = self._settings
        roots, hub_models = settings.model_roots, settings.hub_models
        check_allowed(record.model, roots=roots, hub_models=hub_models, is_shared=record.owner is not None)

    def _dataset_folder(self, record: RunRecord) -> Path:
        return self._settings.datasets_folder / record.dataset_id

    def _fail(self, record: RunRecord, message: str) -> None:
        try:
            self._store.end_run(record.id, RunState.FAILED, message=message)
        except (RunError, NotFoundError):
            logger.info("Run %s was cancelled or deleted before it could fail.", record.id)

    def _run_dir(self, record: RunRecord) -> RunDir:
        return RunDir(self._settings.runs_folder / record.id)


def _size(run_dir: RunDir) -> int:
    return run_dir.events_file.stat().st_size if run_dir.events_file.exists() else 0
