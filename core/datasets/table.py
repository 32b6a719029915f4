"""A table as it was read from a file, before anybody decided what its columns mean."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.tasks.base import SetAside


@dataclass(frozen=True, kw_only=True)
class Table:
    """Every cell as text, and how it was read.

    Attributes:
        rows: cells are ``str`` or ``None`` (dtype ``object``); nested JSON values as JSON text. Index: record numbers from 1.
        file_name: name of the uploaded file, for display only.
        format: ``csv``, ``json``, ``jsonl``, ``parquet``, ``excel`` or ``conll``.
        reading: how it was read: encoding, delimiter, sheet … whatever applies to the format.
        set_aside: records that could not be read; they are not in ``rows``.
        notes: what was assumed or repaired, in plain sentences.
        lines: record number -> line of the file (row of the sheet) where it begins, for formats that have lines.
    """

    rows: pd.DataFrame
    file_name: str
    format: str
    reading: dict[str, Any] = field(default_factory=dict)
    set_aside: list[SetAside] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)

    @property
    def num_records(self) -> int:
        """How many records the file has: those in ``rows`` and those set aside."""
        return len(self.rows) + len(self.set_aside)
