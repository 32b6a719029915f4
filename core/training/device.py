"""Which device and which arithmetic a run trains with."""

import os

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer

from core.errors import ConfigError
from core.machine import devices
from core.training.distributed import MEETING, meet

SMALLEST_SCALE = 2.0**-10
"""Gradients that overflow with losses scaled by no more than this are not finite by themselves; scaling starts at 65,536."""


def open_accelerator(device: str, precision: str) -> Accelerator:
    """The device and arithmetic a run asks for.

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
        raise ConfigError("compute.precision", "is float16, but training is on the processor. Choose automatic or bfloat16.")
    meet(device)
    mixed = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision]
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed)


def precision_name(accelerator: Accelerator) -> str:
    """The arithmetic of an accelerator in the words of the run config."""
    return {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}[str(accelerator.mixed_precision)]


def unscale_gradients(accelerator: Accelerator, optimizer: torch.optim.Optimizer) -> None:
    """Divide gradients by the factor their losses were scaled with, where losses are scaled (float16); once a step.

    Accelerate's own clipping would do it as well, but only just before it clips, after all that was added to the gradients.
    """
    if accelerator.scaler is not None:
        while isinstance(optimizer, AcceleratedOptimizer):
            optimizer = optimizer.optimizer
        accelerator.scaler.unscale_(optimizer)


def can_scale_less(accelerator: Accelerator) -> bool:
    """Whether a gradient that is not finite may come from how losses are scaled, so that the step is left out and all goes on."""
    return accelerator.scaler is not None and accelerator.scaler.get_scale() > SMALLEST_SCALE


def _fastest_precision(device: str) -> str:
    if device == "cuda":
        return _gpu_precision()
    return devices.cpu_precision() if device == "cpu" else "float32"


def _gpu_precision() -> str:
    """The number format that every GPU of the run has in hardware; torch itself calls bfloat16 supported where it is emulated."""
    if torch.version.hip:  # AMD's numbers mean something else
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    num_gpus = int(os.environ["WORLD_SIZE"]) if MEETING in os.environ and "WORLD_SIZE" in os.environ else 1
    return devices.gpu_precision(min(torch.cuda.get_device_capability(index) for index in range(num_gpus)))
