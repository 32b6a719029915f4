"""Reading formats that unpack, in a process of its own with a ceiling on memory and time.

A workbook, Parquet or Arrow file of a few bytes can unpack to any size, and what reads them is not written in Python, so that no
check beforehand is a promise. What such a file does to its own process leaves ours as it was.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow

from core.datasets.progress import SILENT, Progress
from core.datasets.raw_table import RawTable
from core.errors import InputFileError
from core.settings import PROJECT_ROOT

MEMORY_MIB = 3072
TIME_S = 300.0
_COMMAND = (sys.executable, "-m", "core.datasets.isolated")
_POLL_S = 0.05
_GLIBC_MEMORY = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
"""Keeps the process from reserving address space it does not use, since its ceiling counts what is reserved."""


def read_isolated(
    path: Path,
    kind: str,
    *,
    file_name: str,
    sheet: str | None = None,
    memory_mib: int = MEMORY_MIB,
    time_s: float = TIME_S,
    progress: Progress = SILENT,
) -> RawTable:
    """Read a binary file in a process of its own.

    Args:
        path: where the file lies.
        kind: ``excel``, ``parquet`` or ``arrow``.
        file_name: for display.
        sheet: of a workbook; the first with content if not given.
        memory_mib: what the process may use.
        time_s: how long it may take.
        progress: told that it is at work.

    Raises:
        InputFileError: the file cannot be read, or takes more memory or time than allowed.
    """
    with tempfile.TemporaryDirectory(prefix="tuneboard-") as folder:
        task = {"path": str(path.resolve()), "kind": kind, "file_name": file_name, "sheet": sheet, "memory_mib": memory_mib}
        (Path(folder) / "task.json").write_text(json.dumps(task), encoding="utf-8")
        progress(0.1, "Unpacking the file")
        ended = _run(folder, memory_mib, time_s)
        try:
            found: dict[str, Any] = json.loads((Path(folder) / "found.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputFileError(
                f"{file_name!r} {ended}, so it was given up. It may be damaged. Save it as CSV, or split it into smaller files."
            ) from None
        if "error" in found:
            raise InputFileError(found["error"])
        progress(0.6, "Looking at the rows")
        with pyarrow.OSFile(str(Path(folder) / "columns.arrow")) as source:
            table = pyarrow.ipc.open_file(source).read_all()
        return RawTable(**found, columns=[column.to_pylist() for column in table.columns])


def _run(folder: str, memory_mib: int, time_s: float) -> str:
    """Let the process come to its end, or end it; what became of it where it did not answer."""
    started = time.monotonic()
    process = subprocess.Popen(
        [*_COMMAND, folder],
        cwd=PROJECT_ROOT,
        env=_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
                return f"takes more than the {memory_mib:,} MiB of memory allowed, or cannot be read at all"
            if time.monotonic() - started > time_s:
                return f"takes more than the {time_s:.0f} seconds allowed"
            with suppress(psutil.Error):  # where the system knows no ceiling, ours is enforced from here
                if psutil.Process(process.pid).memory_info().rss > memory_mib * 2**20:
                    return f"takes more than the {memory_mib:,} MiB of memory allowed"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without what a reader of files has no use for."""
    kept = {name: value for name, value in environ.items() if not name.startswith("TUNEBOARD_")}
    return {**kept, **_GLIBC_MEMORY}
