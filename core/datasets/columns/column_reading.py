"""The interface between tables and tasks: how examples are read from a table, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from core.tasks.skip_reasons import SkippedRecord

Roles = Mapping[str, tuple[str, ...]]
"""Role name -> names of its columns; roles without columns are absent."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role that a column of an uploaded table can have."""

    name: str
    title: str
    help: str
    required: bool = True
    many: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadExamples:
    """The examples read from a table.

    Attributes:
        examples: columns ``record`` (int, record number in the file, from 1), ``text`` (str) and the task's target columns.
        set_aside: skipped records. Every record of the table is in exactly one of ``examples`` and ``set_aside``.
        notes: repairs and assumptions as full sentences, such as "The tags were IOB1 and were converted to IOB2."
        num_mended: entities with broken tags that were repaired.
    """

    examples: pd.DataFrame
    set_aside: list[SkippedRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_mended: int = 0


class ColumnReading(Protocol):
    """Reads examples from a table, for one task.

    Tables have every cell as ``str`` or ``None``, nested values as JSON text, and record numbers from 1 as their index.
    """

    ROLES: tuple[Role, ...]

    def recognises(self, rows: pd.DataFrame) -> float:
        """How well a table fits this task, from 0 (impossible) to 1 (certain)."""

    def guess_roles(self, rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
        """The probable columns of each role, guessed from names and content; roles without a fitting column are absent."""

    def read(self, rows: pd.DataFrame, roles: Roles) -> ReadExamples:
        """Build examples.

        Raises:
            DatasetError: the selected columns cannot be read for this task.
        """
