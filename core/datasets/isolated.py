"""The process that reads one binary file: ``python -m core.datasets.isolated FOLDER``.

The folder holds ``task.json``; the answer is ``found.json``, with ``columns.arrow`` beside it unless it holds an error.
Nothing is imported that takes long, for a person is waiting.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.datasets.raw_table import RawTable
from core.errors import InputFileError


def main(folder: Path) -> None:
    """Read what ``task.json`` asks for."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    _set_ceiling(task["memory_mib"])
    try:
        raw = _read(task)
    except InputFileError as error:
        found: dict[str, Any] = {"error": str(error)}
    else:
        import pyarrow

        columns = [pyarrow.array(column, pyarrow.large_string()) for column in raw.columns]
        table = pyarrow.table(columns, names=[str(place) for place in range(len(columns))])
        with pyarrow.OSFile(str(folder / "columns.arrow"), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        found = {"names": raw.names, "lines": raw.lines, "reading": raw.reading, "notes": raw.notes}
    part = folder / "found.part"
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(folder / "found.json")


def _read(task: dict[str, Any]) -> RawTable:
    path, file_name = Path(task["path"]), str(task["file_name"])
    if task["kind"] == "excel":
        from core.datasets.sheets import read_sheet

        return read_sheet(path, file_name=file_name, sheet=task["sheet"])
    from core.datasets.arrow_tables import read_arrow

    return read_arrow(path, file_name=file_name, kind=task["kind"])


def _set_ceiling(memory_mib: int) -> None:
    """Ask the system to refuse memory beyond the ceiling; not every system can."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        size = memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
