"""Size limits for files, checked while reading, so that no reader loads data that will be refused."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from core.config.settings import Settings
from core.errors import InputFileError

MOST_COLUMNS = 2000
MOST_CELLS = 50_000_000
"""Maximum number of cells (rows times columns): every cell takes memory, even an empty one that is not in the file."""
IN_PROCESS_BYTES = 2**18
"""Largest file that is read in the calling process, since starting another process takes longer."""
MOST_TEXT_MIB = 512
"""Maximum number of characters of all cells together, in units of 2^20; repeated cells count each time."""


class BeyondLimitsError(InputFileError):
    """A file exceeds the limits of this process; a process with other limits may still read it."""


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """Size limits for one file.

    Attributes:
        max_mib: size of the file in MiB.
        max_rows: records, skipped ones included; ``None`` for no limit.
        max_cells: records times columns.
        max_unpacked: maximum unpacked bytes of an archive, if lower than the general limit.
        may_unpack: whether workbooks, Parquet and Arrow files may be opened; their readers do not enforce these limits.
    """

    max_mib: int = Settings.max_upload_mib
    max_rows: int | None = Settings.max_rows
    max_cells: int = MOST_CELLS
    max_unpacked: int | None = None
    may_unpack: bool = True

    def in_process(self) -> Self:
        """Lower limits for the calling process, so that reading takes little memory and time."""
        return replace(self, max_cells=500_000, max_unpacked=2**19, may_unpack=False)

    def to_json(self) -> dict[str, Any]:
        """As plain values, for passing to the class again."""
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
                f"The file has more than {self.max_rows:,} rows, which is the maximum. "
                "Import a part of the file, or raise TUNEBOARD_MAX_ROWS."
            )

    def check_cells(self, rows: int, columns: int) -> None:
        """Refuse a table with more cells than allowed before memory is allocated for them.

        Raises:
            BeyondLimitsError: they are too many.
        """
        if rows * columns > self.max_cells:
            raise BeyondLimitsError(
                f"The file has {columns:,} columns in {rows:,} rows or more: more than the maximum of {self.max_cells:,} cells. "
                "Remove the columns that are not needed, or import a part of the file."
            )


DEFAULT_LIMITS = ReadingLimits()


def check_num_columns(found: int) -> None:
    """Refuse a table with too many columns.

    Raises:
        InputFileError: states how many there are.
    """
    if found > MOST_COLUMNS:
        raise InputFileError(
            f"The file has {found:,} columns; at most {MOST_COLUMNS:,} can be read. Remove the columns that are not needed."
        )
