"""The worker: the process that carries out one run and is the only writer of its directory.

Started by the launcher as ``python -m core.runs.worker RUN_FOLDER --dataset DATASET_FOLDER``. SIGINT is a person's stop (ends
after the current step, state ``cancelled``), SIGTERM the machine's (the same, state ``interrupted``). Its last line in
``events.jsonl`` says how it ended; a worker that dies without one was killed.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from core.errors import UserError
from core.runs.records import RunState
from core.runs.run_dir import RunDir
from core.runs.tensorboard_log import TensorBoardLog

EXIT_CODES = {RunState.SUCCEEDED: 0, RunState.FAILED: 1, RunState.CANCELLED: 130, RunState.INTERRUPTED: 143}

NICENESS = 5
"""How much the worker steps back behind the dashboard and everything else on the machine."""

UNLOGGED = ("system/", "label_f1/")
"""Figures that would crowd the log; they stand in ``metrics.jsonl``."""

logger = logging.getLogger("tuneboard.worker")


class RunRecorder:
    """Writes what the training loop tells to the run directory, and listens for the signals that mean stop."""

    def __init__(self, run_dir: RunDir) -> None:
        self.run_dir = run_dir
        self.tensorboard = TensorBoardLog(run_dir.tensorboard)
        self.stopped_by: RunState | None = None
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    def metrics(self, values: Mapping[str, float]) -> None:
        """Append a line of figures; the log gets the ones people look for."""
        self.run_dir.append_metrics(values)
        self.tensorboard.add(values)
        shown = "  ".join(
            f"{name} {value:.4g}" for name, value in values.items() if not name.startswith(("system/", "label_f1/"))
        )
        logger.info(shown)

    def event(self, kind: str, message: str, **facts: Any) -> None:
        """Append an event."""
        self.run_dir.append_event(kind, message, **facts)
        logger.info(message)

    def state(self, state: RunState, message: str) -> None:
        """Say which state this process brought the run into."""
        self.event("state", message, state=str(state), pid=os.getpid())

    def stop_requested(self) -> bool:
        """Whether a signal that means stop has come."""
        return self.stopped_by is not None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.stopped_by = RunState.CANCELLED if number == signal.SIGINT else RunState.INTERRUPTED


def main(arguments: list[str] | None = None) -> int:
    """Carry out the run; the return value is the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m core.runs.worker", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--dataset", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--finish", action="store_true", help="train no further; test and save what was learned")
    options = parser.parse_args(arguments)

    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    run_dir = RunDir(options.run)
    run_dir.end_torn_lines()
    recorder = RunRecorder(run_dir)
    recorder.state(RunState.RUNNING, "The worker has started.")
    run_dir.error_file.unlink(missing_ok=True)
    state, message = _carry_out(run_dir, options.dataset, recorder, finish_now=options.finish)
    recorder.state(state, message)
    return EXIT_CODES[state]


def _carry_out(run_dir: RunDir, dataset_folder: Path, recorder: RunRecorder, *, finish_now: bool) -> tuple[RunState, str]:
    """Train and seal the run; whatever goes wrong becomes a state and a message, with the traceback in the log alone."""
    try:
        # Imported here so that a broken installation, too, ends as a failed run with a readable cause.
        from core.datasets.dataset import open_dataset
        from core.settings import Settings
        from core.training.checkpoints import Checkpoints
        from core.training.fine_tune import Places, TrainingStopped, fine_tune
        from core.training.machine_manners import step_back

        settings = Settings.from_environment()
        step_back(settings.threads, NICENESS)
        places = Places(
            checkpoints=run_dir.checkpoints,
            model=run_dir.model,
            predictions=run_dir.predictions_file,
            hub_models=settings.hub_models_folder,
        )
        try:
            result = fine_tune(run_dir.config(), open_dataset(dataset_folder), places, recorder, finish_now=finish_now)
        except TrainingStopped:
            return recorder.stopped_by or RunState.INTERRUPTED, "Stopped; what was learned is kept in a checkpoint."
        run_dir.write_result(result)
        Checkpoints(run_dir.checkpoints).remove_all()
    except UserError as error:
        return _failed(run_dir, str(error))
    except MemoryError:
        return _failed(
            run_dir, "There was not enough memory. Choose a smaller batch size or a shorter longest input, and run again."
        )
    except Exception as error:  # noqa: BLE001  (the boundary of the process: whatever it was, a person gets a sentence)
        return _failed(run_dir, _explain(error))
    return RunState.SUCCEEDED, "Done."


def _failed(run_dir: RunDir, message: str) -> tuple[RunState, str]:
    details = traceback.format_exc()
    logger.error(details)
    run_dir.write_error(message, details=details)
    return RunState.FAILED, message


def _explain(error: Exception) -> str:
    """A sentence for people about an error nobody foresaw; the traceback stands in the log."""
    if "out of memory" in str(error).lower():
        return "The GPU ran out of memory. Choose a smaller batch size or a shorter longest input, and run again."
    if isinstance(error, OSError) and error.errno is not None:
        return (
            f"The run could not read or write its files: {os.strerror(error.errno)}. Make room or check permissions, then resume."
        )
    return f"The run ended with an unexpected {type(error).__name__}. The log says where; please report it."


if __name__ == "__main__":
    sys.exit(main())
