"""What a reader of a binary format finds, before names are made distinct and cells are checked.

Imports nothing heavy: it is used in a process of its own, which is started for one file.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """Columns of text cells.

    Attributes:
        names: as they stand in the file, perhaps missing or doubled.
        columns: the cells of each, ``str`` or ``None``.
        lines: row of the sheet for each record, for formats that have rows with numbers.
        reading: how it was read, such as the sheet.
        notes: what was assumed, in plain sentences.
    """

    names: list[str | None]
    columns: list[list[str | None]]
    lines: list[int] = field(default_factory=list)
    reading: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def num_records(self) -> int:
        """How many rows there are below the header."""
        return len(self.columns[0]) if self.columns else 0
