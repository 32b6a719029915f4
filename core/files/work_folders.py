"""Temporary folders in the workspace: each belongs to a process, and is removed when that process has ended."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.files import durable
from core.files.text_patterns import WORK_FOLDER


@contextmanager
def work_folder(work: Path | None) -> Iterator[Path]:
    """A new temporary folder that only this user can access; removed at the end.

    A memory-mapped file in it exists as long as the mapping, if the system allows removing its name before.

    Args:
        work: its parent folder; the system's temporary folder if not given.
    """
    if work is not None:
        durable.make_folder(work)
    folder = Path(tempfile.mkdtemp(prefix="tuneboard-" if work is None else _own_prefix(), dir=work))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(work: Path) -> None:
    """Remove the temporary folders of processes that were killed.

    Args:
        work: the folder for temporary folders of a workspace; need not exist.
    """
    try:
        entries = list(work.iterdir())
    except OSError:
        return
    for entry in entries:
        found = WORK_FOLDER.fullmatch(entry.name)
        if found is not None and not _is_alive(int(found[1]), int(found[2])):
            shutil.rmtree(entry, ignore_errors=True)


def _own_prefix() -> str:
    import psutil

    own = psutil.Process()
    return f"{own.pid}-{int(own.create_time() * 1000)}-"


def _is_alive(pid: int, created_ms: int) -> bool:
    """Whether the process that created a folder is still running; another process may have its pid by now."""
    import psutil

    with suppress(psutil.Error, OverflowError):
        return bool(abs(psutil.Process(pid).create_time() * 1000 - created_ms) < 2000)
    return False
