"""Whether the system has killed for want of memory (Linux, cgroup version 2)."""

from dataclasses import dataclass
from pathlib import Path

from core.machine.memory import CGROUPS, OWN_CGROUP, available_mib, count_in, group_folder

__all__ = ["OomKills", "available_mib", "oom_kills"]

VMSTAT = Path("/proc/vmstat")


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
    folder = group_folder(cgroups, own_cgroup)
    return OomKills(
        machine=count_in(vmstat, "oom_kill"), group=None if folder is None else count_in(folder / "memory.events", "oom_kill")
    )
