"""How much memory is left, and whether the system has killed for want of it: told without loading torch.

A container may have a limit of its own, below what the machine has; both are looked at (cgroup version 2).
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
VMSTAT = Path("/proc/vmstat")
OWN_CGROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class OomKills:
    """How often the system has killed a process for want of memory, as counted since some moment in the past.

    Attributes:
        machine: on the whole machine since it was started; nothing where the system does not count.
        group: in this process's control group, which workers share; nothing where there is none.
    """

    machine: int | None
    group: int | None

    def happened_since(self, before: "OomKills") -> bool:
        """Whether a process was killed for want of memory between two looks, as far as the system counts."""
        pairs = ((self.group, before.group), (self.machine, before.machine))
        return any(now is not None and then is not None and now > then for now, then in pairs)


def oom_kills(*, vmstat: Path = VMSTAT, cgroups: Path = CGROUPS, own_cgroup: Path = OWN_CGROUP) -> OomKills:
    """The counts now.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst, ``memory.events``; ``/proc/vmstat``.
    """
    folder = _group_folder(cgroups, own_cgroup)
    return OomKills(
        machine=_count(vmstat, "oom_kill"), group=None if folder is None else _count(folder / "memory.events", "oom_kill")
    )


def available_mib(*, cgroups: Path = CGROUPS, own_cgroup: Path = OWN_CGROUP) -> int:
    """Main memory that could be had without anything being pushed out, in MiB; the least of machine and control groups."""
    found = [int(psutil.virtual_memory().available)]
    folder = _group_folder(cgroups, own_cgroup)
    while folder is not None and folder != cgroups.parent:
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            # Pages of files that were only read are given back as soon as anybody needs them.
            found.append(limit - used + (_count(folder / "memory.stat", "inactive_file") or 0))
        folder = folder.parent
    return min(found) // 2**20


def _group_folder(cgroups: Path, own_cgroup: Path) -> Path | None:
    try:
        line = next(line for line in own_cgroup.read_text(encoding="utf-8").splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    own = line.removeprefix("0::").strip().lstrip("/")
    # Where both versions are in use, version 2 is in a folder of its own.
    return next((folder for folder in (cgroups / "unified" / own, cgroups / own) if folder.is_dir()), None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" means no limit
        return None


def _count(path: Path, name: str) -> int | None:
    try:
        pairs = (line.split() for line in path.read_text(encoding="ascii").splitlines())
        return next((int(pair[1]) for pair in pairs if pair[0] == name), None)
    except (OSError, ValueError, IndexError):
        return None
