"""How busy the device is that a run trains on."""

from __future__ import annotations

import math
import time

import torch

from core.machine.platform_support import usable_cores


class DeviceUse:
    """The share of the device that was at work: of an NVIDIA GPU, or of the processor's usable cores by this process."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cores = usable_cores()
        self._clock, self._worked = time.monotonic(), time.process_time()

    def since_last_time(self) -> float:
        """From 0 to 1 since the last call; not a number where the device does not tell."""
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
