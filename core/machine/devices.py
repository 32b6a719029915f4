"""What this machine can compute with, told without loading torch, so that a page or ``doctor`` can say it at once."""

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
    """The parts of a machine that decide how fast a run is.

    Attributes:
        processor: its name as the system tells it.
        cores: usable processor cores.
        memory_mib: main memory.
        gpu: name of the first GPU, or ``None``.
        gpu_memory_mib: its memory, where known.
        precision: number format that ``automatic`` takes on the device that training takes by default.
    """

    processor: str
    cores: int
    memory_mib: int
    gpu: str | None
    gpu_memory_mib: int | None
    precision: str

    @property
    def native_bfloat16(self) -> bool:
        """Whether the device that training takes by default multiplies bfloat16 matrices in hardware."""
        return self.precision == "bfloat16"

    @property
    def device(self) -> str:
        """What ``automatic`` means here: ``cuda``, ``mps`` or ``cpu``."""
        if self.gpu is None:
            return "cpu"
        return "mps" if platform.system() == "Darwin" else "cuda"

    @property
    def title(self) -> str:
        """One line for people, such as "NVIDIA L4, 23 GiB" or "processor, 2 cores"."""
        if self.gpu is None:
            return f"processor, {self.cores} core{'s' if self.cores != 1 else ''}"
        return f"{self.gpu}, {self.gpu_memory_mib / 1024:.0f} GiB" if self.gpu_memory_mib else self.gpu


@functools.cache
def machine() -> Machine:
    """This machine; looked at once per process."""
    gpu, gpu_memory_mib, precision = _first_gpu()
    return Machine(
        processor=_processor_name(),
        cores=usable_cores(),
        memory_mib=main_memory_mib(),
        gpu=gpu,
        gpu_memory_mib=gpu_memory_mib,
        precision=cpu_precision() if gpu is None else precision,
    )


def _first_gpu() -> tuple[str | None, int | None, str]:
    """Name, memory in MiB and number format of the first GPU; float32 where it does not tell what it can do."""
    nothing = (None, None, "float32")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple GPU", None, "float32"
    command = shutil.which("nvidia-smi")
    if command is None or os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
        return nothing
    # Drivers before 2022 do not know the last of these fields.
    for fields in (["name", "memory.total", "compute_cap"], ["name", "memory.total"]):
        query = [command, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        try:
            lines = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
            name, memory_mib, *capability = lines[0].rsplit(",", len(fields) - 1)
            return name.strip(), int(memory_mib), _precision_by(capability)
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            continue
    return nothing


def _precision_by(told: list[str]) -> str:
    """Number format by what ``nvidia-smi`` tells of a GPU's capability, such as [" 8.6"]; nothing, or "[N/A]", is no promise."""
    try:
        major, minor = (int(part) for part in told[0].split("."))
    except (IndexError, ValueError):
        return "float32"
    return gpu_precision((major, minor))


def gpu_precision(capability: tuple[int, int]) -> str:
    """Number format that ``automatic`` takes on an NVIDIA GPU: the one its tensor cores multiply.

    Args:
        capability: the GPU's compute capability, major and minor.
    """
    if capability >= (8, 0):  # Ampere; before it bfloat16 is only emulated, and slower than float32
        return "bfloat16"
    return "float16" if capability >= (7, 0) else "float32"  # Volta


def cpu_precision() -> str:
    """Number format that ``automatic`` takes on the CPU."""
    return "bfloat16" if processor_has_bfloat16() else "float32"


def _processor_name() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def processor_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware."""
    flags = {flag for line in _cpuinfo() if line.startswith(("flags", "Features")) for flag in line.partition(":")[2].split()}
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


@functools.cache
def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
