"""A data set on disk: a folder with ``examples.parquet`` and ``dataset.json``, immutable once it is written.

``examples.parquet`` has one row per example: ``id`` (int, ascending), ``split`` (train, validation or test), ``record`` (number
in the file), ``text`` and the target columns of the task. ``dataset.json`` describes them. The content hash covers
texts, targets and splits. A data set never changes after it was written; its display name is stored in the database.

A repaired data set is a new data set, called a version: it names its parent and records every change since the import. An
example keeps its ``id`` in all versions, so that a row can be traced; a removed row leaves a gap in the ids.

Up to four more files are stored next to the examples: ``unlabelled.parquet`` (``record``, ``text``: rows without a label, for
Predict and for labelling), ``extra.parquet`` (the columns of the file that are neither text nor label, such as a customer number
or a date, by which the data can be split later), ``set_aside.parquet`` (records of the file that were skipped, with reasons) and
``removed.parquet`` (rows that the changes of this version removed, with reasons).
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import DatasetError, NotFoundError
from core.files import durable
from core.files.hashes import hashes_of

EXAMPLES_FILE = "examples.parquet"
UNLABELLED_FILE = "unlabelled.parquet"
EXTRA_FILE = "extra.parquet"
REMOVED_FILE = "removed.parquet"
SET_ASIDE_FILE = "set_aside.parquet"

_EXTRA_PREFIX = "column "
"""Prefix of the names of extra columns in the file, so that none can be confused with the id."""
DESCRIPTION_FILE = "dataset.json"

_HASHES = "files"
"""Key of the description with the sha256 of every other file, for detecting damage; data sets of earlier versions have none."""

_CHUNK = 20_000
_ONE_A_LINE = json.JSONEncoder(ensure_ascii=False, separators=("\n", ": "))


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The description of a data set, without its rows.

    Attributes:
        folder: where it is stored.
        id: name of the folder, generated.
        task: name of the task its targets belong to.
        labels: every label of the training split, in the order of the model's outputs.
        num_examples: rows of each split.
        label_counts: split -> label -> how often it occurs.
        content_hash: sha256 over texts, targets and splits.
        test_hash: sha256 over the test split alone; results are comparable where it agrees.
        splitting: how the splits were created, such as ``{"method": "stratified", "seed": 0, "fractions": [0.8, 0.1, 0.1]}``.
        source: the files it came from, how they were read, and how many rows were read, kept and skipped.
        notes: repairs, assumptions and other remarks, as full sentences.
        created_at: ISO 8601, UTC.
        parent: id of the data set this one was created from, if it is a repaired version.
        family: id of the imported data set that all versions are based on; empty for the imported data set itself.
        version: number within the family, from 1.
        changes: all changes since the import, oldest first, one entry per version as ``core.datasets.versions.draft`` writes it.
        num_unlabelled: rows in the pool of unlabelled texts.
        extra_columns: names of the extra columns of the file that were kept.
    """

    folder: Path
    id: str
    task: str
    labels: tuple[str, ...]
    num_examples: dict[str, int]
    label_counts: dict[str, dict[str, int]]
    content_hash: str
    test_hash: str
    splitting: dict[str, Any]
    source: dict[str, Any]
    notes: tuple[str, ...] = field(default=())
    created_at: str = ""
    parent: str | None = None
    family: str = ""
    version: int = 1
    changes: tuple[dict[str, Any], ...] = field(default=())
    num_unlabelled: int = 0
    extra_columns: tuple[str, ...] = field(default=())

    @property
    def family_id(self) -> str:
        """Id of the imported data set this one is based on; its own id if it was imported itself."""
        return self.family or self.id

    def examples(self, split: str | None = None) -> pd.DataFrame:
        """Rows of one split, or of all, in file order with a new index.

        Raises:
            DatasetError: the file is missing or damaged.
        """
        filters = None if split is None else [("split", "==", split)]
        return _read_rows(self.folder / EXAMPLES_FILE, filters).reset_index(drop=True)

    def unlabelled(self) -> pd.DataFrame:
        """The pool of rows without a label: ``record`` and ``text``."""
        return self._optional_file(UNLABELLED_FILE, ["record", "text"])

    def extra(self) -> pd.DataFrame:
        """The extra columns of the file, cells as ``str`` or ``None``, indexed by example id; empty if none were kept."""
        rows = self._optional_file(EXTRA_FILE, ["id"]).set_index("id")
        return cells_of_text(rows.rename(columns=lambda name: name.removeprefix(_EXTRA_PREFIX)))

    def removed(self) -> pd.DataFrame:
        """Rows that the changes of this version removed: ``id``, ``split``, ``record``, ``text``, ``answer``, ``reason``."""
        return self._optional_file(REMOVED_FILE, ["id", "split", "record", "text", "answer", "reason"])

    def set_aside(self) -> pd.DataFrame:
        """Skipped records of the file, with the columns of ``skipped_records.COLUMNS``.

        Those of earlier versions have no ``kind``.
        """
        return self._optional_file(SET_ASIDE_FILE, ["part", "file", "record", "line", "kind", "reason", "content"])

    def _optional_file(self, name: str, columns: list[str]) -> pd.DataFrame:
        path = self.folder / name
        return _read_rows(path) if path.is_file() else pd.DataFrame(columns=columns)


def _read_rows(path: Path, filters: list[tuple[str, str, str]] | None = None) -> pd.DataFrame:
    import pyarrow  # slow to import, and a page that only lists data sets reads no rows

    try:
        return pd.read_parquet(path, filters=filters)
    except (OSError, pyarrow.ArrowException):
        raise DatasetError(
            f"The rows of this data set cannot be read: {path.name} in its folder is missing or damaged. "
            "Restore the file from a backup, or import the data again."
        ) from None


def cells_of_text(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every cell ``str`` or ``None``, however pandas represents missing values."""
    columns = {
        name: pd.Series([cell if isinstance(cell, str) else None for cell in rows[name].tolist()], index=rows.index, dtype=object)
        for name in rows.columns
    }
    return pd.DataFrame(columns, index=rows.index, columns=rows.columns)


def write_dataset(
    folder: Path,
    examples: pd.DataFrame,
    description: dict[str, Any],
    *,
    unlabelled: pd.DataFrame | None = None,
    extra: pd.DataFrame | None = None,
    removed: pd.DataFrame | None = None,
    set_aside: pd.DataFrame | None = None,
) -> Dataset:
    """Write a data set to a temporary folder and rename it atomically, so that no half-written data set is ever visible.

    Args:
        folder: the final folder; must not exist, or be empty.
        examples: columns ``id, split, record, text`` and the targets.
        description: the fields of ``Dataset`` but ``folder``.
        unlabelled: rows without a label; see ``Dataset.unlabelled``.
        extra: extra columns of the file; see ``Dataset.extra``.
        removed: removed rows; see ``Dataset.removed``.
        set_aside: skipped records of the file; see ``Dataset.set_aside``.
    """
    if extra is not None and len(extra.columns):
        extra = extra.rename(columns=lambda name: _EXTRA_PREFIX + name).reset_index(names="id")
    optional_files = {UNLABELLED_FILE: unlabelled, EXTRA_FILE: extra, REMOVED_FILE: removed, SET_ASIDE_FILE: set_aside}
    with durable.written_folder(folder) as temporary:
        examples.to_parquet(temporary / EXAMPLES_FILE, index=False)
        for name, rows in optional_files.items():
            if rows is not None and rows.size:
                rows.to_parquet(temporary / name, index=False)
        hashes = hashes_of(temporary, [temporary])
        written = json.dumps({**description, _HASHES: hashes}, ensure_ascii=False, indent=2)
        durable.write_text(temporary / DESCRIPTION_FILE, written)
    return open_dataset(folder)


def open_dataset(folder: Path) -> Dataset:
    """Read the description of a data set.

    Raises:
        NotFoundError: there is none, or it is damaged.
    """
    try:
        raw = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        raw.pop(_HASHES, None)
        tuples = {name: tuple(raw.get(name, ())) for name in ("labels", "notes", "changes", "extra_columns")}
        return Dataset(folder=folder, **{**raw, **tuples, "labels": tuple(raw["labels"])})
    except (OSError, ValueError, TypeError, KeyError):
        raise NotFoundError(
            f"Data set {folder.name!r} does not exist in this workspace or is damaged. Choose another data set, or import it "
            "again."
        ) from None


def file_hashes(folder: Path) -> dict[str, str]:
    """The files of a data set, by name: their sha256; empty if a data set of an earlier version does not record it.

    Raises:
        NotFoundError: there is no data set, or its description is damaged.
    """
    open_dataset(folder)
    raw = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    noted = raw.get(_HASHES)
    hashes = {str(name): str(value) for name, value in noted.items()} if isinstance(noted, dict) else {EXAMPLES_FILE: ""}
    return {DESCRIPTION_FILE: "", **hashes}


def description_of(dataset: Dataset) -> dict[str, Any]:
    """The fields of a data set as plain values, without its folder."""
    raw = asdict(dataset)
    del raw["folder"]
    return raw


def hash_examples(examples: pd.DataFrame, columns: list[str]) -> str:
    """sha256 over the given columns of every row, in order; the same rows give the same hash on every machine."""
    digest = hashlib.sha256()
    for begin in range(0, len(examples), _CHUNK):
        chunk = examples.iloc[begin : begin + _CHUNK]
        cells = [_as_json(chunk[name].tolist()) for name in columns]
        # Each row is formatted like json.dumps formats a list; a million calls of json.dumps would take seconds.
        lines = "]\n[".join(map(", ".join, zip(*cells, strict=True)))
        digest.update(f"[{lines}]\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _as_json(values: list[Any]) -> list[str]:
    """Each value as JSON; texts all at once, separated by line breaks, which are escaped inside a text."""
    if set(map(type, values)) == {str}:
        return _ONE_A_LINE.encode(values)[1:-1].split("\n")
    return [json.dumps(value.tolist() if hasattr(value, "tolist") else value, ensure_ascii=False) for value in values]
