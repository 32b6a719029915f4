"""What the way from a table to examples must be able to do for a task, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from core.tasks.skip_reasons import SkippedRecord

Roles = Mapping[str, tuple[str, ...]]
"""Role name -> names of the columns that play it; a role that nobody plays is absent."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A part that a column of an uploaded table can play."""

    name: str
    title: str
    help: str
    required: bool = True
    many: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadExamples:
    """What a task made of a table.

    Attributes:
        examples: columns ``record`` (int, record number in the file, from 1), ``text`` (str) and the task's target columns.
        set_aside: records that are not in ``examples``. Every record of the table is in exactly one of the two.
        notes: what was repaired or assumed, in plain sentences, such as "Tags were IOB1 and were rewritten as IOB2".
        num_mended: entities whose tags were broken and were mended.
    """

    examples: pd.DataFrame
    set_aside: list[SkippedRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_mended: int = 0


class ColumnReading(Protocol):
    """The way from a table to examples, for one task.

    Tables have every cell as ``str`` or ``None``, nested values as JSON text, and record numbers from 1 as their index.
    """

    ROLES: tuple[Role, ...]

    def recognises(self, rows: pd.DataFrame) -> float:
        """How much a table looks like this task's, from 0 (cannot be) to 1 (can be nothing else)."""

    def guess_roles(self, rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
        """Columns that probably play each role, from names and content; roles that nothing fits are absent."""

    def read(self, rows: pd.DataFrame, roles: Roles) -> ReadExamples:
        """Build examples.

        Raises:
            DatasetError: the columns chosen cannot be read this way at all.
        """
