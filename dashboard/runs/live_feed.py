"""Following a run while its worker writes: each line of its files is read once for all sessions."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.runs.directory.run_dir import LineReader, RunDir

_MOST_LINES = 8000
"""More lines of metrics than this are thinned out; a curve shows far fewer points."""

_NEWEST = 200
"""This many training lines at the end are all kept: speed and remaining time are computed from them."""


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """Progress of a run, from its last lines.

    Attributes:
        plan: the facts of the last plan (device, precision, num_parameters, batch_size …).
        step, total_steps: optimizer steps done and planned; ``total_steps`` is 0 until the plan is known.
        epoch, epochs: passes over the training split.
        phase: preparing, training, validating, calibrating, testing or saving.
        examples_per_s, tokens_per_s, elapsed_s, remaining_s, memory_mib: as last measured.
        device_use: utilization of the device, from 0 to 1.
    """

    plan: Mapping[str, Any]
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    epochs: float = 0.0
    phase: str = ""
    examples_per_s: float | None = None
    tokens_per_s: float | None = None
    device_use: float | None = None
    elapsed_s: float | None = None
    remaining_s: float | None = None
    memory_mib: float | None = None
    gpu_memory_mib: float | None = None

    @property
    def share(self) -> float:
        """How much of the planned steps is done, from 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


class RunFeed:
    """What a run has written so far, updated by ``refresh``. Safe to share between sessions.

    Of a long run, only evenly spaced training lines are kept, so that memory and drawing time stay bounded. All validation lines
    and the newest lines are always kept.

    Args:
        run_dir: the run.
        keeps_all: keep every line, for a download of all metrics.
    """

    def __init__(self, run_dir: RunDir, *, keeps_all: bool = False) -> None:
        self._metrics = LineReader(run_dir.metrics_file)
        self._events = LineReader(run_dir.events_file)
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._seen: list[dict[str, Any]] = []
        self._count = 0
        self._distance = 1
        self._room = math.inf if keeps_all else _MOST_LINES

    def refresh(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Read new lines.

        Returns:
            The lines of metrics and all events so far, as new lists.
        """
        with self._lock:
            for row in self._metrics.read_new():
                self._take(row)
            self._seen += self._events.read_new()
            return [line.row for line in self._lines], list(self._seen)

    def _take(self, row: dict[str, Any]) -> None:
        """Add a line; when a resumed run went back to its checkpoint, drop the lines after the checkpoint."""
        if not is_whole(row):
            return
        step = row["step"]
        is_validation = any(key.startswith("validation/") for key in row)
        lines = self._lines
        while lines and lines[-1].row["step"] >= step:
            if lines[-1].row["step"] == step and lines[-1].is_validation != is_validation:
                break  # both belong to the same step
            lines.pop()
        lines.append(_Line(row, self._count, is_validation))
        self._count += not is_validation
        if len(lines) > self._room:
            self._thin()

    def _thin(self) -> None:
        """Keep fewer of the older training lines: evenly spaced ones, with a spacing that doubles as the run continues."""
        newest = self._count - _NEWEST
        while True:
            self._lines = [
                line for line in self._lines if line.is_validation or line.number >= newest or line.number % self._distance == 0
            ]
            if len(self._lines) <= _MOST_LINES // 2 or self._distance > self._count:
                break
            self._distance *= 2
        self._room = max(_MOST_LINES, 2 * len(self._lines))


class _Line(NamedTuple):
    """A line of metrics, the number of training lines before it, and whether it is a validation."""

    row: dict[str, Any]
    number: int
    is_validation: bool


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether a line of metrics is valid: a step, and numbers only. A damaged file may contain anything."""
    return "step" in row and all(isinstance(value, int | float) for value in row.values())


def progress_of(rows: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> RunProgress:
    """Progress of a run, from its metrics and events."""
    plan: Mapping[str, Any] = next((event for event in reversed(events) if event.get("kind") == "plan"), {})
    phase = next((str(event.get("phase", "")) for event in reversed(events) if event.get("kind") == "phase"), "")
    last = rows[-1] if rows else {}
    step, total = int(last.get("step", 0)), int(_number(plan.get("total_steps")))
    elapsed = last.get("time_s")
    return RunProgress(
        step=step,
        total_steps=total,
        epoch=float(last.get("epoch", 0.0)),
        epochs=_number(plan.get("epochs")),
        phase=phase,
        examples_per_s=_last(rows, "train/examples_per_s"),
        tokens_per_s=_last(rows, "train/tokens_per_s"),
        device_use=_last(rows, "system/device_use"),
        elapsed_s=elapsed,
        remaining_s=_remaining(rows, step, total),
        memory_mib=_last(rows, "system/memory_mib"),
        gpu_memory_mib=_last(rows, "system/gpu_memory_mib"),
        plan=plan,
    )


def _remaining(rows: Sequence[Mapping[str, Any]], step: int, total: int, window: int = 60) -> float | None:
    """Remaining seconds at the speed of the last ``window`` lines, including validation."""
    if not total or len(rows) < 2:
        return None
    first, last = rows[-min(window, len(rows))], rows[-1]
    steps, seconds = last["step"] - first["step"], float(last.get("time_s", 0)) - float(first.get("time_s", 0))
    if steps <= 0 or seconds <= 0:
        return None
    return max(0.0, float((total - step) * seconds / steps))


def _last(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return next((float(row[key]) for row in reversed(rows) if row.get(key) is not None), None)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
