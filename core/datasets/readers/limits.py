"""How much a file may hold, asked while it is read, so that no reader collects what will be refused anyway."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from core.config.settings import Settings
from core.errors import InputFileError

MOST_COLUMNS = 2000
MOST_CELLS = 50_000_000
"""Rows times columns of a table: every cell takes memory, also an empty one that stands nowhere in the file."""
IN_PROCESS_BYTES = 2**18
"""Size of a file up to which the process that asks tries to read it by itself, since starting another takes longer."""
MOST_TEXT_MIB = 512
"""Characters of all cells together, in millions of two to the twentieth; a cell that is repeated counts each time."""


class BeyondLimitsError(InputFileError):
    """A file holds more than may be read in this process; one with other limits may still read it."""


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """What one file may hold.

    Attributes:
        max_mib: size of the file in MiB.
        max_rows: records, skipped ones included; no limit where it is ``None``.
        max_cells: records times columns.
        max_unpacked: bytes an archive may unpack to, where that is less than its size allows it.
        may_unpack: whether workbooks, Parquet and Arrow files may be opened, whose readers no limit of ours binds.
    """

    max_mib: int = Settings.max_upload_mib
    max_rows: int | None = Settings.max_rows
    max_cells: int = MOST_CELLS
    max_unpacked: int | None = None
    may_unpack: bool = True

    def in_process(self) -> Self:
        """The same for the process that asks: so little that it takes neither memory nor time to speak of."""
        return replace(self, max_cells=500_000, max_unpacked=2**19, may_unpack=False)

    def to_json(self) -> dict[str, Any]:
        """As plain values, to be given to the class again."""
        return asdict(self)

    def check_rows(self, found: int) -> None:
        """Refuse a file as soon as it has more records than allowed.

        Args:
            found: how many have been read so far.

        Raises:
            InputFileError: they are too many.
        """
        if self.max_rows is not None and found > self.max_rows:
            raise InputFileError(
                f"The file has more than {self.max_rows:,} rows, and at most so many are taken. "
                "Import a part of the file, or raise TUNEBOARD_MAX_ROWS."
            )

    def check_cells(self, rows: int, columns: int) -> None:
        """Refuse a table with more cells than allowed before memory is taken for them.

        Raises:
            BeyondLimitsError: they are too many.
        """
        if rows * columns > self.max_cells:
            raise BeyondLimitsError(
                f"The file has {columns:,} columns in {rows:,} rows or more: over {self.max_cells:,} cells, which is too much. "
                "Remove the columns that are not needed, or import a part of the file."
            )


DEFAULT_LIMITS = ReadingLimits()


def check_num_columns(found: int) -> None:
    """Refuse a table with more columns than any table of texts has.

    Raises:
        InputFileError: says how many there are.
    """
    if found > MOST_COLUMNS:
        raise InputFileError(f"The file has {found:,} columns; at most {MOST_COLUMNS:,} can be read. Remove those not needed.")
