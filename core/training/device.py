"""The device of a run: its choice and precision, its utilization, and the priority of a training process."""

from __future__ import annotations

import math
import os
import time

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer

from core.errors import ConfigError
from core.machine import devices
from core.machine.platform_support import lower_priority, usable_cores
from core.training.distributed import MEETING, init_process_group

SMALLEST_SCALE = 2.0**-10
"""Loss scale (float16) below which gradients that overflow are not finite by themselves; scaling starts at 65,536."""


def open_accelerator(device: str, precision: str) -> Accelerator:
    """The device and precision of a run.

    Raises:
        ConfigError: this machine does not have them.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "automatic":
        device = next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available[device]:
        raise ConfigError("compute.device", f"is {device}, which this machine does not have. Choose automatic or cpu.")
    if precision == "automatic":
        precision = _fastest_precision(device)
    if precision == "float16" and device == "cpu":
        raise ConfigError("compute.precision", "is float16, but the run trains on the CPU. Choose automatic or bfloat16.")
    init_process_group(device)
    mixed = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision]
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed)


def precision_name(accelerator: Accelerator) -> str:
    """The precision of an accelerator, as named in the run config."""
    return {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}[str(accelerator.mixed_precision)]


def unscale_gradients(accelerator: Accelerator, optimizer: torch.optim.Optimizer) -> None:
    """Divide gradients by the loss scale, if losses are scaled (float16); once per step.

    Accelerate's own clipping would do this too, but only just before it clips, after L1 gradients have been added.
    """
    if accelerator.scaler is not None:
        while isinstance(optimizer, AcceleratedOptimizer):
            optimizer = optimizer.optimizer
        accelerator.scaler.unscale_(optimizer)


def can_scale_less(accelerator: Accelerator) -> bool:
    """Whether a gradient that is not finite may come from the loss scale, so that the step is skipped and training continues."""
    return accelerator.scaler is not None and accelerator.scaler.get_scale() > SMALLEST_SCALE


def _fastest_precision(device: str) -> str:
    if device == "cuda":
        return _gpu_precision()
    return devices.cpu_precision() if device == "cpu" else "float32"


def _gpu_precision() -> str:
    """The precision that every GPU of the run has in hardware; torch reports bfloat16 as supported even if it is emulated."""
    if torch.version.hip:  # AMD's version numbers mean something else
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    num_gpus = int(os.environ["WORLD_SIZE"]) if MEETING in os.environ and "WORLD_SIZE" in os.environ else 1
    return devices.gpu_precision(min(torch.cuda.get_device_capability(index) for index in range(num_gpus)))


def yield_to_others(threads: int, niceness: int) -> None:
    """Limit this process's CPU threads and lower its priority.

    Args:
        threads: most CPU threads; 0 leaves torch's default of one per core.
        niceness: added to the process's own.
    """
    if threads:
        torch.set_num_threads(threads)
    lower_priority(niceness)


class DeviceUse:
    """Utilization of the device: of an NVIDIA GPU, or of the usable CPU cores by this process."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cores = usable_cores()
        self._clock, self._worked = time.monotonic(), time.process_time()

    def since_last_time(self) -> float:
        """Utilization since the last call, from 0 to 1; NaN if the device does not report it."""
        clock, worked = time.monotonic(), time.process_time()
        passed, work = clock - self._clock, worked - self._worked
        self._clock, self._worked = clock, worked
        if self._device.type == "cpu":
            return min(1.0, work / max(1e-9, passed * self._cores))
        if self._device.type == "cuda":
            try:
                return float(torch.cuda.utilization(self._device)) / 100  # needs NVIDIA's management library
            except (ImportError, RuntimeError):
                return math.nan
        return math.nan
