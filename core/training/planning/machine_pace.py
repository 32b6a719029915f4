"""The training speed of this machine as measured by a one-second benchmark, stored in the workspace. Loads no torch.

Without a measurement the duration of a run cannot be estimated: machines differ by a factor of fifty.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.files import durable
from core.machine.devices import Machine

FILE = "pace.json"

LAYOUT = 1
"""Format version of a measurement and its method; other versions are not read."""

FRESH_S = 86_400.0
"""Seconds after which a machine is measured again: it may have been busy during the last measurement."""

SHORT, LONG = 16, 256
"""Tokens per text in the benchmark; speeds at lengths between are interpolated."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a machine's CPU trains.

    Attributes:
        processor, cores, threads, precision: what was measured.
        short_flops, long_flops: floating-point operations per second in forward and backward pass, on texts of ``SHORT`` and
            ``LONG`` tokens.
        moved_per_s: parameters per second that an optimizer step updates.
        measured_at: seconds since the Unix epoch.
    """

    processor: str
    cores: int
    threads: int
    precision: str
    short_flops: float
    long_flops: float
    moved_per_s: float
    measured_at: float

    def flops(self, length: float) -> float:
        """Floating-point operations per second on texts of this many tokens."""
        share = (math.log(max(1.0, length)) - math.log(SHORT)) / (math.log(LONG) - math.log(SHORT))
        share = min(1.0, max(0.0, share))
        return float(self.short_flops ** (1 - share) * self.long_flops**share)


def known_pace(home: Path, here: Machine, *, threads: int, precision: str) -> Pace | None:
    """The workspace's measurement of this machine; ``None`` if there is none or it is outdated.

    Args:
        home: the workspace.
        here: the current machine; a workspace may have been copied from another one.
        threads: threads a worker may use; 0 means all cores.
        precision: precision of the run.
    """
    measured = _read(home / FILE).get(precision)
    if measured is None or measured.threads != threads or (measured.processor, measured.cores) != (here.processor, here.cores):
        return None
    return measured if time.time() - measured.measured_at < FRESH_S else None


def keep_pace(home: Path, measured: Pace) -> None:
    """Store a measurement beside those of other precisions; does nothing if the file cannot be written."""
    paces = {**_read(home / FILE), measured.precision: measured}
    content = {"layout": LAYOUT, "paces": {name: asdict(pace) for name, pace in paces.items()}}
    with contextlib.suppress(OSError):
        durable.write_text(home / FILE, json.dumps(content, indent=2))


def _read(path: Path) -> dict[str, Pace]:
    """The measurements in a file, by precision; empty if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["layout"] != LAYOUT:
            return {}
        paces = {str(name): Pace(**pace) for name, pace in content["paces"].items()}
        return {name: pace for name, pace in paces.items() if _is_sound(pace)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _is_sound(pace: Pace) -> bool:
    numbers: list[Any] = [pace.short_flops, pace.long_flops, pace.moved_per_s, pace.measured_at]
    return all(isinstance(number, float | int) and math.isfinite(number) and number > 0 for number in numbers)
