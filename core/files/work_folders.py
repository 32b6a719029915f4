"""Folders for what is made on the way, below the workspace: each belongs to a process, and goes when that process is gone."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.files import durable
from core.files.text_patterns import WORK_FOLDER


@contextmanager
def work_folder(work: Path | None) -> Iterator[Path]:
    """A new folder that only this user can look into; removed at the end.

    A file in it that is mapped stays as long as the mapping, where the system lets go of the name before.

    Args:
        work: where it is to lie; the system's own place for such folders if not given.
    """
    if work is not None:
        durable.make_folder(work)
    folder = Path(tempfile.mkdtemp(prefix="tuneboard-" if work is None else _own_prefix(), dir=work))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(work: Path) -> None:
    """Remove what processes left behind that were killed in the middle of their work.

    Args:
        work: the folder of a workspace for work on the way; need not exist.
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
    """Whether the process that made a folder is still there; another may have its number by now."""
    import psutil

    with suppress(psutil.Error, OverflowError):
        return bool(abs(psutil.Process(pid).create_time() * 1000 - created_ms) < 2000)
    return False
