"""Which GPUs each run gets where there are several: as many as it asks for, shared with no other run unless people want that."""

import functools
import math
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

from core.config.run_config import ComputeConfig
from core.runs.store.records import WorkerIdentity

VISIBLE = "CUDA_VISIBLE_DEVICES"


@functools.cache
def gpus() -> tuple[str, ...]:
    """Ids of the NVIDIA GPUs this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    told = os.environ.get(VISIBLE)
    if told is not None:
        return tuple(one.strip() for one in told.split(",") if one.strip() not in ("", "-1"))
    query = [command, "--query-gpu=index", "--format=csv,noheader"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in lines if line.strip())


@dataclass(frozen=True)
class Shortage:
    """GPUs a run needs at once, how many of them it could have now, and how many there are."""

    wanted: int
    free: int
    present: int

    def __str__(self) -> str:
        together = "a GPU" if self.wanted == 1 else f"{self.wanted} GPUs at once"
        are = "is" if self.free == 1 else "are"
        return f"Waiting for {together}: {self.free} of {self.present} {are} free now. It starts by itself."


def assign(
    compute: ComputeConfig,
    present: Sequence[str],
    in_use: Iterable[str],
    *,
    at_once: int,
    first: str = "",
) -> tuple[str, ...] | Shortage:
    """The GPUs the next run gets, the least busy ones; none for a run on the processor.

    Args:
        compute: what the run asks for.
        present: ids of all GPUs there are.
        in_use: ids of those at work, one for each run that has it.
        at_once: how many runs may work at a time; more than there are GPUs means that runs share them.
        first: one to be taken before others that are no busier.
    """
    if compute.device not in {"automatic", "cuda"} or not present:
        return ()
    wanted = len(present) if compute.processes == 0 else min(compute.processes, len(present))
    runs_on, most = Counter(in_use), math.ceil(at_once / len(present))
    free = [gpu for gpu in present if runs_on[gpu] < most]
    if len(free) < wanted:
        return Shortage(wanted, len(free), len(present))
    best = sorted(free, key=lambda gpu: (runs_on[gpu], gpu != first))[:wanted]
    return tuple(gpu for gpu in present if gpu in best)


def gpus_of(workers: Iterable[WorkerIdentity]) -> list[str]:
    """Ids of the GPUs that workers were given, one for each worker that has it."""
    return [gpu for worker in workers for gpu in _environment(worker).get(VISIBLE, "").split(",") if gpu]


def _environment(worker: WorkerIdentity) -> dict[str, str]:
    try:
        return dict(psutil.Process(worker.pid).environ())
    except psutil.Error:
        return {}
