"""Following a run to its end from the command line, as the owner of the queue or as an observer."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from core.cli.answers import duration_in_words, one_line, remark
from core.errors import RunError
from core.runs.directory.run_dir import LineReader, RunDir
from core.runs.store.records import RunRecord, RunState
from core.workspace.workspace import Workspace

PERIOD_S = 0.2
LINE_EVERY_S = 10.0
"""Seconds between two progress lines where standard error is not a terminal."""


def follow(workspace: Workspace, record: RunRecord, progress: "ProgressLine", *, start_queued: bool = True) -> RunRecord:
    """Wait for the end of a run, with progress on standard error; Ctrl-C asks the run to stop.

    If no other process owns the queue, this one does while it follows the run; it also takes over from an owner that exits.

    Args:
        workspace: where the run is.
        record: a queued or running run.
        progress: shows the progress meanwhile.
        start_queued: whether this process may start queued runs.
    """
    scheduler = workspace.new_launcher()
    try:
        with _ctrl_c() as stop_wanted:
            has_asked = False
            while True:
                if stop_wanted.is_set() and not has_asked:
                    has_asked = True
                    _ask_to_stop(workspace, record.id)
                if scheduler.own():
                    scheduler.supervise()
                record = workspace.run(record.id)
                progress.show(record, num_before=_num_before(workspace, record))
                if record.state.is_final:
                    return record
                if start_queued and scheduler.owns_queue:
                    scheduler.start_queued()
                time.sleep(PERIOD_S)  # polling interval
    finally:
        progress.close()
        scheduler.disown()


class ProgressLine:
    """Progress of a run on standard error: one line that is updated on a terminal, a line now and then elsewhere."""

    def __init__(self, run_dir: RunDir) -> None:
        """Show only what the run writes from now on."""
        self._metrics = _reader_from_end(run_dir.metrics_file)
        self._events = _reader_from_end(run_dir.events_file)
        self._is_terminal = sys.stderr.isatty()
        self._total_steps: int | None = None
        self._first: dict[str, Any] | None = None
        self._last: dict[str, Any] = {}
        self._phase = "starting"
        self._line_open = False
        self._shown_at = float("-inf")

    def show(self, record: RunRecord, *, num_before: int) -> None:
        """Show the run's current progress.

        Args:
            record: the run.
            num_before: how many runs are ahead of it.
        """
        for event in self._events.read_new():
            if event.get("kind") == "plan":
                self._total_steps = event.get("total_steps")
            elif event.get("kind") == "phase":
                self._phase = str(event.get("phase"))
            elif event.get("kind") in {"warning", "info", "resume"}:
                self._print(one_line(str(event.get("message"))))
        for values in self._metrics.read_new():
            self._first = self._first or values
            self._last |= values
            if any(key.startswith("validation/") for key in values):  # if the loss is not finite, only the scores are there
                self._print(_validation(values))
        if not record.state.is_final:
            self._show_line(self._line(record, num_before))

    def close(self) -> None:
        """End the line that is updated."""
        if self._line_open:
            remark("")
            self._line_open = False

    def _line(self, record: RunRecord, num_before: int) -> str:
        if record.state is RunState.QUEUED:
            return f"queued, {num_before} ahead of it" if num_before else "queued"
        if record.stop_requested:
            return "stopping after the current step"
        if not self._last:
            return self._phase
        of_total = f"/{self._total_steps}" if self._total_steps else ""
        parts = [self._phase, f"step {self._last.get('step', 0):.0f}{of_total}"]
        if "train/loss" in self._last:
            parts.append(f"loss {self._last['train/loss']:.4f}")
        if "train/examples_per_s" in self._last:
            parts.append(f"{self._last['train/examples_per_s']:,.0f} examples/s")
        remaining_s = self._remaining_s()
        if remaining_s is not None and self._phase == "training":
            parts.append(f"{duration_in_words(remaining_s)} left")
        return ", ".join(parts)

    def _remaining_s(self) -> float | None:
        if not self._total_steps or self._first is None:
            return None
        steps = self._last.get("step", 0) - self._first.get("step", 0)
        seconds = self._last.get("time_s", 0.0) - self._first.get("time_s", 0.0)
        return (self._total_steps - self._last["step"]) * seconds / steps if steps > 0 and seconds > 0 else None

    def _show_line(self, line: str) -> None:
        now = time.monotonic()
        if self._is_terminal:
            print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
            self._line_open = True
        elif now - self._shown_at >= LINE_EVERY_S:
            self._shown_at = now
            remark(line)

    def _print(self, line: str) -> None:
        if self._line_open:
            print("\r\033[K", end="", file=sys.stderr)
        remark(line)
        self._line_open = False


def _validation(values: dict[str, Any]) -> str:
    prefix = "validation/"
    scores = [f"{key.removeprefix(prefix)} {value:.4f}" for key, value in values.items() if key.startswith(prefix)]
    return one_line(f"epoch {values.get('epoch', 0):g}: validation " + ", ".join(scores))


def _reader_from_end(path: Any) -> LineReader:
    return LineReader(path, path.stat().st_size if path.exists() else 0)


def _num_before(workspace: Workspace, record: RunRecord) -> int:
    """How many runs are ahead of a queued run, running ones included."""
    if record.state is not RunState.QUEUED:
        return 0
    waiting = [run.id for run in workspace.queue()]
    return len(workspace.store.running()) + (waiting.index(record.id) if record.id in waiting else 0)


def _ask_to_stop(workspace: Workspace, run_id: str) -> None:
    remark("\nStopping after the current step; training progress is kept.")
    with contextlib.suppress(RunError):  # it has ended in the meantime
        workspace.stop(run_id)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets instead of aborting. A second Ctrl-C aborts the command, and the run still stops."""
    wanted = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        if wanted.is_set():
            raise KeyboardInterrupt
        wanted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield wanted
    finally:
        signal.signal(signal.SIGINT, before)
