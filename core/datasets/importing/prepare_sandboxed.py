"""``importing.prepare`` in a separate process for large tables; the result is memory-mapped.

Millions of short texts are small in a file but large as Python objects; here the calling process never creates these objects.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow

from core.datasets.importing.import_summary import account_of, examples_to_json
from core.datasets.importing.prepare import ImportPlan, Prepared, prepare
from core.datasets.importing.sizes import size_of_table
from core.datasets.readers.sandbox import run_isolated
from core.datasets.readers.table_transfer import mapped, open_table, packed, save_table, write_arrow
from core.datasets.skipped_records import LocatedRecords, SkippedFileRecord
from core.datasets.table import Table
from core.datasets.text_array import TextArray, as_texts
from core.files.work_folders import work_folder
from core.progress import SILENT, Progress

_SMALL = 4 * 2**20
_FEW_ROWS = 50_000
"""Largest tables, in bytes and rows, that are prepared in the calling process, since starting another one takes longer. A row
takes some hundred bytes of temporary memory, however short it is."""
_FRAMES = ("examples", "unlabelled", "extra")
_PLAIN = ("task", "labels", "num_examples", "label_counts", "notes", "splitting", "source")


def prepare_elsewhere(
    tables: Mapping[str, Table],
    plan: ImportPlan,
    *,
    limits: Mapping[str, int],
    work: Path | None = None,
    progress: Progress = SILENT,
) -> Prepared:
    """The same as ``importing.prepare``, with little memory in the calling process.

    Args:
        tables: see ``prepare``.
        plan: see ``prepare``.
        limits: the limits for ``prepare``.
        work: see ``read_table``.
        progress: called with the completed fraction and the current step.

    Raises:
        DatasetError: the examples cannot be used for training.
        InputFileError: the import takes more memory or time than allowed.
    """
    num_rows = sum(table.num_records for table in tables.values())
    if num_rows <= _FEW_ROWS and sum(map(size_of_table, tables.values())) <= _SMALL:
        return prepare(tables, plan, progress=progress, **limits)
    with work_folder(work) as folder:
        for part, table in tables.items():
            (folder / part).mkdir()
            save_table(table, folder / part)
        asked = {"parts": list(tables), "plan": asdict(plan), "limits": dict(limits)}
        run_isolated("prepare", asked, folder, subject=tables["main"].file_name, progress=progress)
        return open_prepared(folder)


def prepare_here(asked: Mapping[str, Any], folder: Path, progress: Progress) -> None:
    """Runs in the other process."""
    tables = {part: open_table(folder / part) for part in asked["parts"]}
    roles = {role: tuple(columns) for role, columns in asked["plan"]["roles"].items()}
    plan = ImportPlan(**{**asked["plan"], "roles": roles, "fractions": tuple(asked["plan"]["fractions"])})
    save_prepared(prepare(tables, plan, progress=progress, **asked["limits"]), folder)


def save_prepared(prepared: Prepared, folder: Path) -> None:
    """Write the prepared data set where another process can open it.

    Raises:
        OSError: there is not enough disk space.
    """
    told: dict[str, Any] = {name: getattr(prepared, name) for name in _PLAIN}
    told["account"] = {**prepared.account.to_json(), "set_aside_reasons": examples_to_json(prepared.account)}
    for name in _FRAMES:
        told[name] = _save_frame(getattr(prepared, name), folder / f"{name}.arrow")
    write_arrow(folder / "aside.arrow", LocatedRecords.of(prepared.set_aside).table)
    (folder / "prepared.json").write_text(json.dumps(told), encoding="utf-8")


def open_prepared(folder: Path) -> Prepared:
    """Open what was saved in a folder; its rows stay in the files, which may be removed if the system allows it."""
    told = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
    plain: dict[str, Any] = {name: told[name] for name in _PLAIN}
    frames: dict[str, Any] = {name: _open_frame(told[name], folder / f"{name}.arrow") for name in _FRAMES}
    return Prepared(
        **plain,
        **frames,
        set_aside=cast("Sequence[SkippedFileRecord]", LocatedRecords(mapped(folder / "aside.arrow"))),
        account=account_of(told["account"]),
    )


def _save_frame(rows: pd.DataFrame, path: Path) -> dict[str, Any]:
    """Write the columns; returns how they are to be opened."""
    arrays, kinds = [], []
    for place in range(rows.shape[1]):
        cells = rows.iloc[:, place]
        array, kind = _as_arrow(cells)
        arrays.append(array)
        kinds.append(kind)
    index = rows.index
    arrays.append(pyarrow.array(index.to_numpy(dtype="int64")))
    write_arrow(path, pyarrow.table(arrays, names=[str(place) for place in range(len(arrays))]))
    return {
        "names": [str(name) for name in rows.columns],
        "kinds": kinds,
        "range": [index.start, index.stop, index.step] if isinstance(index, pd.RangeIndex) else None,
    }


def _as_arrow(cells: pd.Series) -> tuple[Any, str]:
    """A column for Arrow, and its kind: ``text``, ``cells`` or ``numbers``."""
    if isinstance(cells.array, TextArray):
        return cells.array.arrow, "cells"
    if isinstance(cells.dtype, pd.StringDtype):
        return pyarrow.array(cells.array, pyarrow.large_string()), "text"
    if cells.dtype != object:
        return pyarrow.array(cells.to_numpy()), "numbers"
    values = cells.tolist()
    if any(isinstance(value, list | tuple) for value in values[:1]):
        return pyarrow.array(values), "cells"
    if all(isinstance(value, str) for value in values):
        return pyarrow.array(values, pyarrow.large_string()), "text"
    return packed(values), "cells"


def _open_frame(told: Mapping[str, Any], path: Path) -> pd.DataFrame:
    *columns, records = mapped(path).columns
    index = pd.RangeIndex(*told["range"]) if told["range"] is not None else pd.Index(records.to_numpy())
    opened = {place: _opened(cells, kind) for place, (cells, kind) in enumerate(zip(columns, told["kinds"], strict=True))}
    rows = pd.DataFrame(opened, index=index)
    rows.columns = told["names"]
    return rows


def _opened(cells: pyarrow.ChunkedArray, kind: str) -> Any:
    if kind == "text":
        return as_texts(cells)
    return cells.to_numpy() if kind == "numbers" else TextArray(cells)
