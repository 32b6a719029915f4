"""Detects errors caused by a full disk, whichever library raised them."""

import errno
import os
import shutil
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EFBIG, *({errno.EDQUOT} if hasattr(errno, "EDQUOT") else set())}
_WORDS = ("no space left", "disk quota exceeded", "file too large", "os error 28", "os error 27", "os error 122")
"""Error texts of native libraries for a full disk."""

FULL_MIB = 1
"""Below this free space the disk counts as full: a line of metrics fits, a checkpoint does not."""


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether an error, or one of its causes, means that there was not enough disk space.

    Args:
        error: what was raised.
        folder: where it was written to; if it has hardly any free space, a failed write counts as caused by a full disk.
    """
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        if any(words in str(cause).lower() for words in _WORDS):
            return True
        cause = cause.__cause__ or cause.__context__
    writes = any(isinstance(one, OSError) or "writ" in str(one).lower() for one in seen)
    free = free_mib(folder)
    return writes and free is not None and free < FULL_MIB


def free_mib(folder: Path) -> int | None:
    """Free disk space of a folder in MiB; ``None`` if unknown."""
    try:
        return shutil.disk_usage(folder).free // 2**20
    except OSError:
        return None


def storage_sentence(error: OSError) -> str | None:
    """The message for a file of the workspace that could not be written; ``None`` for other errors."""
    if error.errno in _FULL:
        return (
            "There is not enough disk space to write a file, so the action was not completed. Free up disk space and try again."
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return (
            f"A file could not be written or read ({os.strerror(error.errno)}), so the action was not completed. "
            "Give this user write access to the workspace, or set TUNEBOARD_HOME to another folder."
        )
    return None


def full_sentence(folder: Path) -> str:
    """The message for a run that stopped because of a full disk."""
    free = free_mib(folder)
    left = "" if free is None else f" ({free:,} MiB free in the workspace)"
    return (
        f"There is not enough disk space to write the run's files{left}. Everything up to the last checkpoint is kept. "
        "Free up disk space, then resume the run."
    )
