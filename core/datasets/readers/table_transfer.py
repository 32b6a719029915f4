"""Transfers a table from the sandboxed process to the calling process as memory-mapped Arrow files.

``rows.arrow`` contains the cells by column, dictionary-encoded if many are equal; ``lines.arrow`` the lines on which records
begin; ``skipped.arrow`` the skipped records; ``table.json`` everything else.
"""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from core.datasets.readers.limits import MOST_TEXT_MIB
from core.datasets.skip_log import SkippedRecords
from core.datasets.table import RecordLines, Table
from core.datasets.text_array import TextArray
from core.errors import InputFileError

_ROWS, _LINES, _SKIPPED, _TABLE = "rows.arrow", "lines.arrow", "skipped.arrow", "table.json"
_TELLING_ROWS = 20_000
_FEW_VALUES = 0.5


def save_table(table: Table, folder: Path) -> None:
    """Write a table where another process can open it.

    Raises:
        InputFileError: its texts are larger than may be transferred.
        OSError: there is not enough disk space.
    """
    room = MOST_TEXT_MIB * 2**20
    columns = []
    for place in range(table.rows.shape[1]):
        cells = table.rows.iloc[:, place].tolist()
        room -= sum(map(len, filter(None, cells)))
        if room < 0:
            raise InputFileError(
                f"The texts of the file have more than {MOST_TEXT_MIB:,} million characters together, repeated ones included, "
                "which is more than allowed. Remove the columns that are not needed, or import a part of the file."
            )
        columns.append(packed(cells))
    write_arrow(folder / _ROWS, pyarrow.table(columns, names=[str(place) for place in range(len(columns))]))
    write_arrow(folder / _SKIPPED, SkippedRecords.of(table.set_aside).table)
    lines = table.lines.numbers if isinstance(table.lines, RecordLines) else array("I")
    write_arrow(folder / _LINES, pyarrow.table({"line": pyarrow.array(np.frombuffer(lines, dtype=np.uint32))}))
    index = table.rows.index
    told: dict[str, Any] = {
        "names": [str(name) for name in table.rows.columns],
        "file_name": table.file_name,
        "format": table.format,
        "reading": table.reading,
        "notes": table.notes,
        "has_lines": isinstance(table.lines, RecordLines),
        "records": [index.start, index.stop] if isinstance(index, pd.RangeIndex) else None,
    }
    if told["records"] is None:
        index.to_numpy(dtype="int64").tofile(folder / "records.int64")
    (folder / _TABLE).write_text(json.dumps(told), encoding="utf-8")


def open_table(folder: Path) -> Table:
    """The table that was saved in a folder. Its cells stay in the files, which may be removed if the system allows it."""
    told = json.loads((folder / _TABLE).read_text(encoding="utf-8"))
    cells = mapped(folder / _ROWS)
    records = told["records"]
    index = pd.RangeIndex(*records) if records is not None else pd.Index(np.fromfile(folder / "records.int64", dtype="int64"))
    rows = pd.DataFrame({place: pd.Series(TextArray(column), index=index) for place, column in enumerate(cells.columns)})
    rows.columns = told["names"]
    lines = array("I")
    lines.frombytes(mapped(folder / _LINES)["line"].to_numpy().tobytes())
    return Table(
        rows=rows,
        file_name=told["file_name"],
        format=told["format"],
        reading=told["reading"],
        set_aside=SkippedRecords(mapped(folder / _SKIPPED)),
        notes=told["notes"],
        lines=RecordLines(lines) if told["has_lines"] else {},
    )


def packed(cells: Sequence[str | None]) -> pyarrow.Array:
    """The cells for Arrow: dictionary-encoded, unless most are distinct."""
    numbers: dict[str, int] = {}
    codes = array("i")
    for place, text in enumerate(cells):
        codes.append(-1 if text is None else numbers.setdefault(text, len(numbers)))
        if place == _TELLING_ROWS and len(numbers) > _FEW_VALUES * place:
            return pyarrow.array(cells, pyarrow.large_string())
    found = np.frombuffer(codes, dtype=np.int32)
    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(found, mask=found < 0), pyarrow.array(list(numbers), pyarrow.large_string())
    )


def write_arrow(path: Path, table: pyarrow.Table) -> None:
    """Write a table for ``mapped``."""
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def mapped(path: Path) -> pyarrow.Table:
    """Open the memory-mapped table in a file."""
    with pyarrow.memory_map(str(path)) as source:
        return pyarrow.ipc.open_file(source).read_all()
