"""What the machine at hand achieves, as a rehearsal of a second has measured it, kept in the workspace. Loads no torch.

Without a measurement nobody can say how long a run takes: machines differ by a factor of fifty.
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
"""Number of what a measurement holds and how it was made; others are not read."""

FRESH_S = 86_400.0
"""After so long a machine is measured again: it may have been busy when it was."""

SHORT, LONG = 16, 256
"""Tokens of the texts that are rehearsed with; lengths between are reckoned from both."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a machine's CPU trains.

    Attributes:
        processor, cores, threads, precision: what was measured.
        short_flops, long_flops: floating-point operations a second on the way through layers and back, on texts of ``SHORT`` and
            of ``LONG`` tokens.
        moved_per_s: numbers a second that an optimizer step moves.
        measured_at: seconds since the epoch.
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
        """Operations a second on texts of so many tokens."""
        share = (math.log(max(1.0, length)) - math.log(SHORT)) / (math.log(LONG) - math.log(SHORT))
        share = min(1.0, max(0.0, share))
        return float(self.short_flops ** (1 - share) * self.long_flops**share)


def known_pace(home: Path, here: Machine, *, threads: int, precision: str) -> Pace | None:
    """The measurement a workspace keeps of this machine; ``None`` where there is none, or it is old.

    Args:
        home: the workspace.
        here: the machine now; a workspace may have come from another one.
        threads: threads a worker may use; 0 means all cores.
        precision: what a run computes in.
    """
    measured = _read(home / FILE).get(precision)
    if measured is None or measured.threads != threads or (measured.processor, measured.cores) != (here.processor, here.cores):
        return None
    return measured if time.time() - measured.measured_at < FRESH_S else None


def keep_pace(home: Path, measured: Pace) -> None:
    """Keep a measurement beside those of other precisions; a file that cannot be written is done without."""
    paces = {**_read(home / FILE), measured.precision: measured}
    content = {"layout": LAYOUT, "paces": {name: asdict(pace) for name, pace in paces.items()}}
    with contextlib.suppress(OSError):
        durable.write_text(home / FILE, json.dumps(content, indent=2))


def _read(path: Path) -> dict[str, Pace]:
    """The measurements in a file, by precision; none where it cannot be read."""
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
