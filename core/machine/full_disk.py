"""Telling a full disk from every other error, whichever library met it."""

import errno
import os
import shutil
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EFBIG, *({errno.EDQUOT} if hasattr(errno, "EDQUOT") else set())}
_WORDS = ("no space left", "disk quota exceeded", "file too large", "os error 28", "os error 27", "os error 122")
"""How libraries that are not written in Python pass it on."""

FULL_MIB = 1
"""Less than this is as good as nothing: a line of figures fits, a checkpoint of any model does not."""


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether an error, or one that led to it, means that there was no room for what was to be written.

    Args:
        error: what was raised.
        folder: where it was written to; where hardly anything is free, a failed write needs no other cause.
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
    """Room left where a folder is, in MiB; ``None`` where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free // 2**20
    except OSError:
        return None


def storage_sentence(error: OSError) -> str | None:
    """What a person is told where a file of the workspace could not be written; ``None`` for errors of another kind."""
    if error.errno in _FULL:
        return "There was no room on the disk to write a file, so this was not done. Make room and try again."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return (
            f"A file could not be written or read ({os.strerror(error.errno)}), so this was not done. "
            "Give this user write access to the workspace, or set TUNEBOARD_HOME to another folder."
        )
    return None


def full_sentence(folder: Path) -> str:
    """What a person is told."""
    free = free_mib(folder)
    left = "" if free is None else f" ({free:,} MiB are left where the workspace is)"
    return (
        f"There was no room to write the run's files{left}. Everything up to the last checkpoint is kept. "
        "Make room on the disk, then resume."
    )
