"""Which device and which arithmetic a run trains with."""

import torch
from accelerate import Accelerator

from core import devices
from core.errors import ConfigError
from core.training.sharing import meet


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


def _fastest_precision(device: str) -> str:
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "bfloat16" if device == "cpu" and devices.processor_has_bfloat16() else "float32"
