"""The result of a reader of a binary format, before column names are made unique and cells are checked.

Heavy imports are avoided, since a separate process is started for each file.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """Columns of text cells.

    Attributes:
        names: as in the file, possibly missing or duplicated.
        columns: the cells of each, ``str`` or ``None``.
        lines: row of the sheet for each record, for formats with row numbers.
        reading: how it was read, such as the sheet.
        notes: assumptions, as full sentences.
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
