"""Features that a platform may lack, with fallbacks.

Linux has all of it, macOS most, Windows little: ``resource``, ``os.sysconf``, ``os.nice``, sessions, signal handling.
Features that are not available everywhere are used here, or checked for by name first; ``tests/test_lacking_platform.py`` checks
this.
"""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import psutil


def usable_cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main_memory_mib() -> int:
    """Main memory of the machine, in MiB."""
    return int(psutil.virtual_memory().total) // 2**20


def memory_in_use_mib() -> int:
    """Memory that this process uses now, in MiB."""
    return int(psutil.Process().memory_info().rss) // 2**20


def lower_priority(niceness: int) -> None:
    """Lower the priority of this process.

    Args:
        niceness: added to the process's own; on systems without niceness, any value above 0 means below normal.
    """
    if hasattr(os, "nice"):
        os.nice(niceness)
    elif niceness > 0 and hasattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS"):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)


def on_its_own() -> dict[str, Any]:
    """Arguments of ``subprocess.Popen`` for a child that outlives this process and its terminal."""
    if hasattr(os, "setsid"):
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)}


def has_signals() -> bool:
    """Whether processes can handle signals. On other platforms a signal ends the process at once."""
    return hasattr(signal, "SIGKILL")


def counts_since_boot() -> bool:
    """Whether process start times are relative to boot, so that clock changes do not affect them."""
    return sys.platform == "linux" and hasattr(os, "sysconf") and hasattr(time, "clock_gettime")
