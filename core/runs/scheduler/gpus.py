"""Which GPUs each run gets on a machine with several: as many as it asks for, shared with other runs only if people set that."""

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
    """The number of GPUs a run needs, how many are free now, and how many there are."""

    wanted: int
    free: int
    present: int

    def __str__(self) -> str:
        wanted = "a GPU" if self.wanted == 1 else f"{self.wanted} GPUs"
        are = "is" if self.free == 1 else "are"
        return f"Waiting for {wanted}: {self.free} of {self.present} {are} free now. It starts automatically."


def assign(
    compute: ComputeConfig,
    present: Sequence[str],
    in_use: Iterable[str],
    *,
    at_once: int,
    first: str = "",
) -> tuple[str, ...] | Shortage:
    """The GPUs the next run gets, the least busy ones first; empty for a run on the CPU.

    Args:
        compute: what the run asks for.
        present: ids of all GPUs of the machine.
        in_use: ids of the GPUs in use, once for each run that uses it.
        at_once: how many runs may run at the same time; more than there are GPUs means that runs share them.
        first: a GPU that is preferred to others that are equally busy.
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
    """Ids of the GPUs that workers were given, once for each worker that uses it."""
    return [gpu for worker in workers for gpu in _environment(worker).get(VISIBLE, "").split(",") if gpu]


def _environment(worker: WorkerIdentity) -> dict[str, str]:
    try:
        return dict(psutil.Process(worker.pid).environ())
    except psutil.Error:
        return {}
