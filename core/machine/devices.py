"""The hardware of this machine, detected without loading torch, so that pages and ``doctor`` can show it immediately."""

import functools
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.machine.platform_support import main_memory_mib, usable_cores


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The hardware that determines the speed of a run.

    Attributes:
        processor: name of the CPU as reported by the system.
        cores: usable CPU cores.
        memory_mib: main memory.
        gpu: name of the first GPU, or ``None``.
        gpu_memory_mib: its memory, if known.
        precision: precision that ``automatic`` selects on the default training device.
    """

    processor: str
    cores: int
    memory_mib: int
    gpu: str | None
    gpu_memory_mib: int | None
    precision: str

    @property
    def native_bfloat16(self) -> bool:
        """Whether the default training device has native bfloat16 matrix multiplication."""
        return self.precision == "bfloat16"

    @property
    def device(self) -> str:
        """The device that ``automatic`` selects: ``cuda``, ``mps`` or ``cpu``."""
        if self.gpu is None:
            return "cpu"
        return "mps" if platform.system() == "Darwin" else "cuda"

    @property
    def title(self) -> str:
        """One line for display, such as "NVIDIA L4, 23 GiB" or "CPU, 2 cores"."""
        if self.gpu is None:
            return f"CPU, {self.cores} core{'s' if self.cores != 1 else ''}"
        return f"{self.gpu}, {self.gpu_memory_mib / 1024:.0f} GiB" if self.gpu_memory_mib else self.gpu


@functools.cache
def machine() -> Machine:
    """This machine; detected once per process."""
    gpu, gpu_memory_mib, precision = _first_gpu()
    return Machine(
        processor=_cpu_name(),
        cores=usable_cores(),
        memory_mib=main_memory_mib(),
        gpu=gpu,
        gpu_memory_mib=gpu_memory_mib,
        precision=cpu_precision() if gpu is None else precision,
    )


def _first_gpu() -> tuple[str | None, int | None, str]:
    """Name, memory in MiB and precision of the first GPU; float32 if its capability is unknown."""
    no_gpu = (None, None, "float32")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple GPU", None, "float32"
    command = shutil.which("nvidia-smi")
    if command is None or os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
        return no_gpu
    # Drivers before 2022 do not support the last of these fields.
    for fields in (["name", "memory.total", "compute_cap"], ["name", "memory.total"]):
        query = [command, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        try:
            lines = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
            name, memory_mib, *capability = lines[0].rsplit(",", len(fields) - 1)
            return name.strip(), int(memory_mib), _precision_by(capability)
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            continue
    return no_gpu


def _precision_by(told: list[str]) -> str:
    """Precision by the compute capability from ``nvidia-smi``, such as [" 8.6"]; float32 if it is missing or "[N/A]"."""
    try:
        major, minor = (int(part) for part in told[0].split("."))
    except (IndexError, ValueError):
        return "float32"
    return gpu_precision((major, minor))


def gpu_precision(capability: tuple[int, int]) -> str:
    """Precision that ``automatic`` selects on an NVIDIA GPU: the one that its tensor cores support.

    Args:
        capability: the GPU's compute capability, major and minor.
    """
    if capability >= (8, 0):  # Ampere; before it bfloat16 is only emulated, and slower than float32
        return "bfloat16"
    return "float16" if capability >= (7, 0) else "float32"  # Volta


def cpu_precision() -> str:
    """Precision that ``automatic`` selects on the CPU."""
    return "bfloat16" if cpu_has_bfloat16() else "float32"


def _cpu_name() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_has_bfloat16() -> bool:
    """Whether the CPU has native bfloat16 matrix multiplication."""
    flags = {flag for line in _cpuinfo() if line.startswith(("flags", "Features")) for flag in line.partition(":")[2].split()}
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


@functools.cache
def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
