"""Main memory: total and available memory, and out-of-memory kills by the system. Does not load torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.machine.platform_support import memory_in_use_mib

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
VMSTAT = Path("/proc/vmstat")


def available_mib(*, cgroups: Path = CGROUPS, own_cgroup: Path = OWN_CGROUP) -> int:
    """Memory available without swapping, in MiB; the minimum of machine and control groups."""
    found = [int(psutil.virtual_memory().available)]
    for folder in _groups(cgroups, own_cgroup):
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            # The page cache is freed as soon as memory is needed.
            found.append(limit - used + (count_in(folder / "memory.stat", "inactive_file") or 0))
    return max(0, min(found)) // 2**20


def total_mib(max_memory_mib: int = 0, *, cgroups: Path = CGROUPS, own_cgroup: Path = OWN_CGROUP) -> int:
    """Total memory for a worker, in MiB: the minimum of machine, control groups and the user's limit.

    Args:
        max_memory_mib: memory limit of a worker; 0 for no limit besides machine and groups.
        cgroups, own_cgroup: the system's files about control groups.
    """
    limits = [_number(folder / "memory.max") for folder in _groups(cgroups, own_cgroup)]
    found = [int(psutil.virtual_memory().total), *(limit for limit in limits if limit is not None)]
    return min([number // 2**20 for number in found] + ([max_memory_mib] if max_memory_mib else []))


def left_mib(max_memory_mib: int = 0) -> int:
    """Memory that this process may still allocate, in MiB.

    Args:
        max_memory_mib: memory limit of the process; 0 for no limit besides machine and groups.
    """
    left = available_mib()
    return min(left, max(0, max_memory_mib - memory_in_use_mib())) if max_memory_mib else left


def cap_own_memory(max_memory_mib: int) -> None:
    """Set a memory limit above which allocations of this process fail, if the system supports it; 0 sets no limit.

    Memory that was reserved but never used does not count, unlike with a limit on the address space.
    """
    try:
        import resource

        limit = max_memory_mib * 2**20
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if limit and (hard == resource.RLIM_INFINITY or limit < hard):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (
        ImportError,
        AttributeError,
        OSError,
        ValueError,
    ):  # not supported on this system: only the batch sizes keep to the limit
        return


def group_folder(cgroups: Path = CGROUPS, own_cgroup: Path = OWN_CGROUP) -> Path | None:
    """The folder of this process's control group; ``None`` if there is none."""
    try:
        line = next(line for line in own_cgroup.read_text(encoding="utf-8").splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    own = line.removeprefix("0::").strip().lstrip("/")
    # If both versions are in use, version 2 is in a separate folder.
    return next((folder for folder in (cgroups / "unified" / own, cgroups / own) if folder.is_dir()), None)


def count_in(path: Path, name: str) -> int | None:
    """The value of a name in one of the kernel's tables; ``None`` if it is missing."""
    try:
        pairs = (line.split() for line in path.read_text(encoding="ascii").splitlines())
        return next((int(pair[1]) for pair in pairs if pair[0] == name), None)
    except (OSError, ValueError, IndexError):
        return None


def _groups(cgroups: Path, own_cgroup: Path) -> Iterator[Path]:
    """The process's own control group and its parents."""
    folder = group_folder(cgroups, own_cgroup)
    while folder is not None and folder != cgroups.parent:
        yield folder
        folder = folder.parent


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" means no limit
        return None


@dataclass(frozen=True)
class OomKills:
    """Counters of out-of-memory kills by the system.

    Attributes:
        machine: on the whole machine since boot; ``None`` if the system does not count.
        group: in this process's control group, which workers share; ``None`` if there is none.
    """

    machine: int | None
    group: int | None

    def happened_since(self, before: OomKills) -> bool:
        """Whether a process was killed for lack of memory between two readings, as far as the system counts."""
        pairs = ((self.group, before.group), (self.machine, before.machine))
        return any(now is not None and then is not None and now > then for now, then in pairs)


def oom_kills(*, vmstat: Path = VMSTAT, cgroups: Path = CGROUPS, own_cgroup: Path = OWN_CGROUP) -> OomKills:
    """The current counters.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst, ``memory.events``; ``/proc/vmstat``.
    """
    folder = group_folder(cgroups, own_cgroup)
    return OomKills(
        machine=count_in(vmstat, "oom_kill"), group=None if folder is None else count_in(folder / "memory.events", "oom_kill")
    )
