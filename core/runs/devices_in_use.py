"""Which device each run gets: one for each, where there are several GPUs."""

import functools
import os
import shutil
import subprocess
from collections.abc import Iterable

import psutil

from core.runs.records import WorkerIdentity

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


def runs_at_once() -> int:
    """How many runs this machine has devices for."""
    return max(1, len(gpus()))


def device_for(workers: Iterable[WorkerIdentity]) -> dict[str, str]:
    """Environment variables that give the next worker a GPU nobody works on; nothing where there is no choice to make.

    Args:
        workers: the workers of the runs at work.
    """
    if len(gpus()) < 2:
        return {}
    taken = {_environment(worker).get(VISIBLE) for worker in workers}
    free = [gpu for gpu in gpus() if gpu not in taken]
    return {VISIBLE: free[0]} if free else {}


def _environment(worker: WorkerIdentity) -> dict[str, str]:
    try:
        return dict(psutil.Process(worker.pid).environ())
    except psutil.Error:
        return {}
