"""What a platform may lack, asked for where it is used, with what takes its place.

Linux has all of it, macOS most, Windows little: ``resource``, ``os.sysconf``, ``os.nice``, sessions, signals that can be heard.
What is not there everywhere is used here, or asked for by its name first; ``tests/test_lacking_platform.py`` holds this.
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
    """Main memory this process holds now, in MiB."""
    return int(psutil.Process().memory_info().rss) // 2**20


def lower_priority(niceness: int) -> None:
    """Let everything else on the machine go first.

    Args:
        niceness: added to the process's own; where the system knows no such number, any above 0 means below normal.
    """
    if hasattr(os, "nice"):
        os.nice(niceness)
    elif niceness > 0 and hasattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS"):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)


def on_its_own() -> dict[str, Any]:
    """What ``subprocess.Popen`` is told so that a child outlives this process and its terminal."""
    if hasattr(os, "setsid"):
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)}


def has_signals() -> bool:
    """Whether a process can be sent a signal that it hears and may answer to. Elsewhere a signal ends it at once."""
    return hasattr(signal, "SIGKILL")


def counts_since_boot() -> bool:
    """Whether the start of a process is told in seconds since the machine was started, which no change of the clock touches."""
    return sys.platform == "linux" and hasattr(os, "sysconf") and hasattr(time, "clock_gettime")
