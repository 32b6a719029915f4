"""The sandboxed process that runs one task on a file: ``python -m core.datasets.importing.sandbox_main FOLDER``.

The folder contains ``task.json``; the answer is ``found.json``, with the output files of the task next to it unless it was
refused. The progress is written to standard output. The process ends when its standard input is closed, so that it does not
outlive the process that started it.
"""

import json
import math
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_ORPHANED = 3
"""Exit status of a process whose parent has ended."""


def main(folder: Path) -> None:
    """Run the task in ``task.json``."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    from core.errors import UserError

    try:
        work = TASKS[told["task"]]()
        _set_ceilings(told["memory_mib"], told["time_s"])
        work(told["asked"], folder)
    except UserError as error:
        found = {"refused": str(error), "kind": type(error).__name__}
    except MemoryError:
        sys.exit("MemoryError")  # the calling process turns this into a message
    except OSError as error:
        found = {"refused": _no_room(error)}
    except BaseException as error:  # noqa: BLE001 - some readers raise what is no Exception; the caller must be told
        found = {"failed": traceback.format_exc()[-4000:], "kind": type(error).__name__}
    part = folder / "found.part"
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(folder / "found.json")


def _read() -> Callable[[Mapping[str, Any], Path], None]:
    """Parse a file into a table that can be mapped."""
    from core.datasets.readers.limits import ReadingLimits
    from core.datasets.readers.parse import FileToRead, parse_file
    from core.datasets.readers.table_transfer import save_table

    def read(asked: Mapping[str, Any], folder: Path) -> None:
        file, limits = FileToRead.from_json(asked["file"]), ReadingLimits(**asked["limits"])
        save_table(parse_file(file, limits, _tell), folder)

    return read


def _prepare() -> Callable[[Mapping[str, Any], Path], None]:
    """Prepare a data set from tables."""
    from core.datasets.importing.prepare_sandboxed import prepare_here

    return lambda asked, folder: prepare_here(asked, folder, _tell)


TASKS: dict[str, Callable[[], Callable[[Mapping[str, Any], Path], None]]] = {
    "read": _read,
    "prepare": _prepare,
}
"""Name of a task -> a function that imports everything it needs and returns the task; the limits are set after the import."""


def _tell(share: float, doing: str) -> None:
    with suppress(OSError):
        print(f"{share:.2f} {doing}", flush=True)


def _no_room(error: OSError) -> str:
    return (
        f"The file cannot be read: {error.strerror or type(error).__name__}, on the disk of the workspace. "
        "Free up disk space there, or ask the administrator of this machine."
    )


def _end_with_parent() -> None:
    """End at once when standard input is closed."""
    with suppress(OSError, ValueError):
        while os.read(sys.stdin.fileno(), 1024):
            pass
    os._exit(_ORPHANED)


def _set_ceilings(memory_mib: int, time_s: float) -> None:
    """Set the system's limits for memory and CPU time, if the platform has them."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        import psutil

        seconds = max(1, math.ceil(time_s))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        size = psutil.Process().memory_info().vms + memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
