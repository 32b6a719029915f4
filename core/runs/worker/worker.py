"""The worker: the process that carries out one run and is the only writer of its directory.

Started by the scheduler as ``python -m core.runs.worker RUN_FOLDER --dataset DATASET_FOLDER``, or with ``--wait`` as a warm
worker: then it loads what every run needs, waits for a line with these arguments on its standard input, and becomes the worker
of that run.

SIGINT is a person's stop (ends after the current step, state ``cancelled``), SIGTERM the machine's (the same, state
``interrupted``, within 15 seconds in any case). Its last state event in ``events.jsonl`` says how it ended; a worker that ends
without one was killed, or could not write it, which its exit code then says.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import Timeout

from core.errors import UserError
from core.files.private import private
from core.files.safe_path import has_content
from core.machine.full_disk import full_sentence, is_disk_full
from core.machine.memory import oom_kills
from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.process.exit_status import NO_ROOM
from core.runs.process.other_trainers import known_as_at_work
from core.runs.store.records import RunState
from core.runs.worker.ranks import spawn_ranks
from core.runs.worker.signals import StopSignals
from core.runs.worker.tensorboard import TensorBoardLog

EXIT_CODES = {RunState.SUCCEEDED: 0, RunState.FAILED: 1, RunState.CANCELLED: 130, RunState.INTERRUPTED: 143}

ALREADY_AT_WORK = 75
"""Exit code of a worker whose run already has another running worker."""

OTHER_WORKER_S = 10.0
"""How long to wait for another worker of the run that is about to end."""

NICENESS = 5
"""Nice value of the worker, so that the dashboard and everything else on the machine have priority."""

UNLOGGED = ("system/", "label_f1/")
"""Metrics that would clutter the log; they are in ``metrics.jsonl``."""

logger = logging.getLogger("tuneboard.worker")


class RunRecorder:
    """Writes the metrics and events of the training loop to the run directory, and listens for stop signals."""

    def __init__(self, run_dir: RunDir) -> None:
        self.run_dir = run_dir
        self.tensorboard = TensorBoardLog(run_dir.tensorboard)
        self.signals = StopSignals(self._leave, run_folder=run_dir.folder)

    def metrics(self, values: Mapping[str, float]) -> None:
        """Append a line of metrics; the log gets the main ones."""
        self.run_dir.append_metrics(values)
        was_written = not self.tensorboard.has_failed
        self.tensorboard.add(values)
        if was_written and self.tensorboard.has_failed:
            logger.warning("The TensorBoard files cannot be written; the run continues without them.")
        logger.info("  ".join(f"{name} {value:.4g}" for name, value in values.items() if not name.startswith(UNLOGGED)))

    def event(self, kind: str, message: str, **facts: Any) -> None:
        """Append an event."""
        message = _writable(message)
        self.run_dir.append_event(kind, message, **facts)
        logger.info(message)

    def state(self, state: RunState, message: str, **facts: Any) -> None:
        """Append a state event: the state this process brought the run into."""
        self.event("state", message, state=str(state), pid=os.getpid(), **facts)

    def stop_requested(self) -> bool:
        """Whether a stop signal has come."""
        return self.signals.stopped_by is not None

    def give_up(self, message: str) -> None:
        """End the run as failed, at once and from any thread, for instance because another rank has ended."""
        self.run_dir.release_reserve()
        message = _writable(message)
        with contextlib.suppress(OSError):
            self.run_dir.write_error(message)
        self.state(RunState.FAILED, message)
        os._exit(EXIT_CODES[RunState.FAILED])

    def _leave(self) -> None:
        state = self.signals.stopped_by or RunState.INTERRUPTED
        self.state(state, "Stopped before the current step was done. Resume continues from the last checkpoint, if there is one.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the run; the return value is the process's exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    waited = words == [processes.WAIT]
    if waited:
        told = _wait_for_run()
        if told is None:
            return 0
        words = told
    parser = argparse.ArgumentParser(prog="python -m core.runs.worker", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--dataset", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--finish", action="store_true", help="do not train further; evaluate and save the best checkpoint")
    options = parser.parse_args(words)
    run_dir = RunDir(options.run)
    if waited:
        _redirect_output(run_dir.log_file)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    try:
        with run_dir.only_worker().acquire(timeout=OTHER_WORKER_S), known_as_at_work():
            return _work(run_dir, options.dataset, finish_now=options.finish, niceness=0 if waited else NICENESS)
    except Timeout:
        logger.error("Another worker is already running this run.")
        return ALREADY_AT_WORK
    except OSError as error:
        logger.exception("The final state of the run could not be written.")
        return NO_ROOM if is_disk_full(error, run_dir.folder) else EXIT_CODES[RunState.FAILED]


def _wait_for_run() -> list[str] | None:
    """Load what every run needs, then wait for the arguments of a run; ``None`` if the scheduler's process has ended."""
    try:
        from core.config.settings import Settings
        from core.runs.worker.preload import preload
        from core.training.device import yield_to_others

        settings = Settings.from_environment()
        yield_to_others(settings.threads, NICENESS)
        preload()
    except Exception:
        logger.exception("Preloading failed.")  # the run will have the same error and report it
    line = sys.stdin.readline()
    return json.loads(line)["arguments"] if line.endswith("\n") else None


def _redirect_output(log_file: Path) -> None:
    """Redirect the output of this process to a log file, and its standard input to nothing."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = private(str(log_file), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)


def _work(run_dir: RunDir, dataset_folder: Path, *, finish_now: bool, niceness: int) -> int:
    run_dir.end_torn_lines()
    recorder = RunRecorder(run_dir)
    # The working time of the run counts from here, however long a warm worker had waited.
    recorder.state(RunState.RUNNING, "The worker has started.", oom_kills=asdict(oom_kills()), clock_s=processes.clock_s())
    run_dir.error_file.unlink(missing_ok=True)
    run_dir.make_reserve()
    _skip_damaged(run_dir, recorder)
    state, message = _carry_out(run_dir, dataset_folder, recorder, finish_now=finish_now, niceness=niceness)
    run_dir.release_reserve()
    recorder.state(state, message)
    return EXIT_CODES[state]


def _skip_damaged(run_dir: RunDir, recorder: RunRecorder) -> None:
    """Move damaged checkpoints of an earlier attempt out of the way, and report them and damaged lines."""
    from core.training.checkpoint.manager import Checkpoints

    checkpoints = Checkpoints(run_dir.checkpoints)
    for name, reason in checkpoints.set_unreadable_aside().items():
        step = name.removeprefix("step-").lstrip("0") or "0"
        found = checkpoints.latest()
        instead = "the one before it is used" if found else "there is no other, so training starts from scratch"
        recorder.event("warning", f"The checkpoint of step {step} {reason} and was skipped; {instead}.")
    lines = run_dir.damaged_lines()
    if lines:
        what = "1 line is damaged and was" if lines == 1 else f"{lines} lines are damaged and were"
        recorder.event("warning", f"In this run's metrics and events so far, {what} skipped.")


def _carry_out(
    run_dir: RunDir, dataset_folder: Path, recorder: RunRecorder, *, finish_now: bool, niceness: int
) -> tuple[RunState, str]:
    """Train and complete the run; every error becomes a state and a message, with the traceback in the log only."""
    try:
        # Imported here so that a broken installation also ends as a failed run with a readable cause.
        from core.config.settings import Settings
        from core.datasets.dataset import open_dataset
        from core.machine.memory import cap_own_memory
        from core.training.checkpoint.manager import Checkpoints
        from core.training.device import yield_to_others
        from core.training.fine_tune import Places, fine_tune
        from core.training.planning.estimates import Surroundings
        from core.training.planning.memory_footprint import MemoryLimits
        from core.training.tracking.recorder import TrainingStopped

        settings = Settings.from_environment()
        yield_to_others(settings.threads, niceness)
        places = Places(
            checkpoints=run_dir.checkpoints,
            model=run_dir.model,
            predictions=run_dir.predictions_file,
            hub_models=settings.hub_models_folder,
        )
        config = run_dir.config()
        cap_own_memory(settings.max_memory_mib)
        limits = MemoryLimits(max_memory_mib=settings.max_memory_mib, kills=run_dir.memory_kills())
        other_ranks = spawn_ranks(
            config, run_dir.folder, dataset_folder, finish_now=finish_now, on_loss=recorder.give_up, threads=settings.threads
        )
        try:
            with other_ranks:
                result = fine_tune(
                    config,
                    open_dataset(dataset_folder),
                    places,
                    recorder,
                    finish_now=finish_now,
                    limits=limits,
                    surroundings=Surroundings(
                        home=settings.home, threads=settings.threads, max_memory_mib=settings.max_memory_mib
                    ),
                )
        except TrainingStopped:
            return recorder.signals.stopped_by or RunState.INTERRUPTED, stopped_sentence(run_dir)
        run_dir.write_result(result)
        Checkpoints(run_dir.checkpoints).remove_all()
    except UserError as error:
        return _failed(run_dir, str(error))
    except Exception as error:  # noqa: BLE001  (the boundary of the process: every error becomes a sentence)
        return _failed(run_dir, _explain(error, run_dir.folder))
    return RunState.SUCCEEDED, "Done."


def stopped_sentence(run_dir: RunDir) -> str:
    """Whether the training progress of a stopped run was saved."""
    if has_content(run_dir.checkpoints):
        return "Stopped; training progress is saved in a checkpoint."
    return "Stopped before the first checkpoint, so resuming starts from scratch."


def _writable(text: str) -> str:
    """Text that can be encoded as UTF-8; characters that cannot, such as invalid bytes of a file name, are escaped."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _failed(run_dir: RunDir, message: str) -> tuple[RunState, str]:
    details, message = _writable(traceback.format_exc()), _writable(message)
    logger.error(details)
    run_dir.release_reserve()
    with contextlib.suppress(OSError):  # the final state event, which is much shorter, has it too
        run_dir.write_error(message, details=details)
    return RunState.FAILED, message


def _explain(error: Exception, folder: Path) -> str:
    """A sentence about an unexpected error; the traceback is in the log."""
    if is_disk_full(error, folder):
        return full_sentence(folder)
    if "torch" in sys.modules:  # if even that could not be imported, it has another cause
        from core.training.steps.out_of_memory import is_out_of_memory, ran_out

        if is_out_of_memory(error):
            return ran_out(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"The run could not read or write its files: {os.strerror(error.errno)}. Check permissions, then resume."
    return f"The run failed with an unexpected error ({type(error).__name__}). See the log for details, and please report it."
