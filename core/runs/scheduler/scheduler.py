"""The scheduler: a background thread that starts queued runs as worker processes and brings their ends into the catalogue.

Of all processes that have a workspace open, the one that holds the lock on ``queue.lock`` owns the queue; the others watch and
take over when it is gone. The owner goes round about three times a second: pass on stop requests, settle runs whose worker is
gone, start what waits. Nothing of this lives in memory alone: a worker is noted in the catalogue and writes its own folder, so
an owner that was killed is followed by one that adopts the workers that live and settles those that died.
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
"""The worker; the run's folder, ``--dataset`` with the data set's folder and perhaps ``--finish`` follow, or ``--wait``."""

PERIOD_S = 0.3
MOST_MEMORY_KILLS = 3
"""How often a run goes on by itself after the system has killed it for want of memory: from its last checkpoint, each time with
portions half as large."""

LONGEST_PAUSE_S = 10.0
"""How long the thread rests after rounds that failed again and again, for instance because the disk is full."""


class Scheduler:
    """Supervises the runs of one workspace from this process, while no other process does."""

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
        """Whether another process was found to look after the queue."""
        # Taken by the thread and let go by whoever stops it, so the hold must not belong to one thread.
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
        """Go round in a background thread until ``stop``."""
        if self._thread is None:
            self._ending.clear()
            self._thread = threading.Thread(target=self._go_round, name="scheduler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and leave the queue to others. Workers go on."""
        self._ending.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
            self._thread = None
        self.disown()

    def wake(self) -> None:
        """Make the next round start now, because something has changed."""
        self._awake.set()

    def _go_round(self) -> None:
        pause_s = PERIOD_S
        while not self._ending.is_set():
            self._awake.clear()
            try:
                self.step()
                pause_s = PERIOD_S
            except Exception:
                logger.exception("A round of the scheduler failed; it goes on.")
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._awake.wait(pause_s)

    # --- one round ---------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One round, if this process owns the queue or can."""
        if self.own():
            self.supervise()
            self.start_queued()
            if self._settings.resident_worker:
                self.warm_worker.tend(self._environment_to_expect, is_useful=self._has_room())
        else:
            self.warm_worker.dismiss()

    def expect_launch(self) -> None:
        """Somebody is there who may launch a run soon: have a worker wait for it, if settings and memory allow."""
        self.warm_worker.expect()

    def own(self) -> bool:
        """Take the queue if nobody has it; whether this process owns it now."""
        if not self._lock.is_locked:
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                self.watches = True
                return False
        self.watches = False
        return True

    def disown(self) -> None:
        """Leave the queue to others."""
        self.warm_worker.dismiss()
        self._lock.release()

    def supervise(self) -> None:
        """Pass on stop requests, and settle runs whose worker is gone. Only the owner may call this."""
        for record in self._store.running():
            try:
                self._look_after(record)
            except Exception:
                logger.exception("Run %s could not be looked after this time.", record.id)

    def start_queued(self) -> None:
        """Start the runs whose turn it is. Only the owner may call this."""
        for record in self._store.queue():
            if not self._has_room():
                return
            devices = self._devices(record)
            if isinstance(devices, Shortage):
                return  # those behind it could do with less, but then it might wait for ever
            try:
                self._start(record, devices)
            except NotNowError as error:
                logger.warning("Run %s waits on: %s", record.id, error)
                return
            except Exception:
                logger.exception("Run %s could not be started.", record.id)
                if self._store.run(record.id).state is RunState.QUEUED:
                    self._fail(record, "The run could not be started because of a fault in the program; the server's log has it.")

    def is_looked_after(self) -> bool:
        """Whether this process or another one starts the runs that wait."""
        if self.owns_queue:
            return True
        try:
            with FileLock(self._settings.queue_lock, blocking=False):  # one of its own, since the thread may want ours
                return False
        except Timeout:
            return True

    def at_once(self) -> int:
        """How many runs may work at a time."""
        return self._placement.at_once()

    def shortage(self, record: RunRecord) -> Shortage | None:
        """The GPUs that a run whose turn it is still waits for; nothing if it has all it asks for."""
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
            # The owner before this one may have been killed between starting a worker and noting it. One that was noted and said
            # that it is up is the right one: whoever has its arguments now, its last word is how the run ended.
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
        """Bring the end of a worker that is gone into the catalogue."""
        exit_code = None if record.worker is None else processes.exit_code(record.worker)
        ending = read_ending(record, run_dir, exit_code)
        reason = self._ended_for.pop(record.id, None)
        if ending.state is RunState.INTERRUPTED and reason is not None:
            goes_on = (
                "Resume goes on from its last checkpoint."
                if has_content(run_dir.checkpoints)
                else "It had no checkpoint yet, so resuming starts over."
            )
            ending = dataclasses.replace(ending, message=f"{reason} {goes_on}")
        if ending.ran_out_of_memory and self._goes_on_smaller(record, run_dir):
            logger.warning("Run %s was killed for want of memory; it goes on with smaller portions.", record.id)
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

    def _goes_on_smaller(self, record: RunRecord, run_dir: RunDir) -> bool:
        """Note that a run was killed for want of memory, which halves its portions; whether it is worth another try by itself."""
        kills = run_dir.memory_kills() + 1
        run_dir.note_about(memory_kills=kills)
        # What could not be noted would be tried for ever, and finishing has no portions.
        return kills <= MOST_MEMORY_KILLS and run_dir.memory_kills() == kills and not record.finish_early

    def _forget(self, record: RunRecord) -> None:
        self._stops.forget(record.id)
        self._at_work.forget(record.id)
        if record.worker is not None:
            processes.forget(record.worker)

    # --- starting a run ----------------------------------------------------------------------------------------------------

    def _start(self, record: RunRecord, devices: tuple[str, ...]) -> None:
        """Start one queued run on these GPUs. One that cannot start has failed, and holds nobody up."""
        from core.datasets.dataset import open_dataset  # pandas, which a process that only looks at runs does not need

        run_dir = self._run_dir(record)
        try:
            self._check_model(record)
        except ModelError as error:
            self._fail(record, str(error))
            return
        try:
            open_dataset(self._dataset_folder(record))
        except NotFoundError:
            self._fail(record, "The data set of this run is gone or damaged. Import it again and launch a new run.")
            return
        if not run_dir.config_file.is_file():
            self._fail(record, "The folder of this run is gone or has no config.yaml. Launch a new run.")
            return

        environment = self._placement.environment(record.model, devices)
        # One that waits is noted before it is told its run: whoever dies in between leaves nobody unknown at work.
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
            self._fail(record, f"The worker could not be started: {error}. Resume the run once that is put right.")
        else:
            self._store.set_worker(record.id, worker)

    def _devices(self, record: RunRecord) -> tuple[str, ...] | Shortage:
        return self._placement.devices(record, first=self.warm_worker.environment.get(VISIBLE, ""))

    def _environment_to_expect(self) -> dict[str, str]:
        return self._placement.environment_to_expect(first=self.warm_worker.environment.get(VISIBLE, ""))

    def _check_model(self, record: RunRecord) -> None:
        """Refuse a model that the settings leave out by now, though it was allowed when the run was launched.

        Raises:
            ModelError: says which ones are taken.
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
