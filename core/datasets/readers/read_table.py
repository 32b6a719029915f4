"""From a file to a ``Table``: the one way in, for pages and the command line.

What a file does to the process that parses it cannot be known beforehand, so it is parsed in a process of its own (see
``sandbox``), and what it holds is looked at in a mapped file. Only what is too small to do harm is parsed here.
"""

from collections.abc import Sequence
from pathlib import Path

from core.config.settings import Settings
from core.datasets.readers.limits import IN_PROCESS_BYTES, BeyondLimitsError, ReadingLimits
from core.datasets.readers.parse import FileToRead, check_file, parse_file
from core.datasets.readers.sandbox import run_isolated
from core.datasets.readers.table_transfer import open_table
from core.datasets.table import Table
from core.files.work_folders import work_folder
from core.progress import SILENT, Progress


def read_table(
    path: Path,
    *,
    file_name: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    missing: Sequence[str] = (),
    max_mib: int = Settings.max_upload_mib,
    max_rows: int | None = Settings.max_rows,
    work: Path | None = None,
    progress: Progress = SILENT,
) -> Table:
    """Read a file of labelled text.

    Args:
        path: where the file lies.
        file_name: what the person calls it, where ``path`` is only a temporary name.
        encoding: of a text file; found if not given.
        delimiter: of a CSV file; found if not given.
        sheet: of a workbook, the first with content if not given; or the file that is meant in an archive of several.
        missing: words that mean an empty cell in this file, such as ``NA``; without them they are text like any other.
        max_mib: largest file that is accepted.
        max_rows: most records that are read, skipped ones included; any number where it is ``None``.
        work: folder of the workspace for what is made on the way (``Settings.work_folder``); the system's own if not given.
        progress: called with the completed fraction and the current step.

    Raises:
        InputFileError: the file is missing, too large, empty, damaged or not what its name says; or it takes more memory or
            time to read than allowed.
    """
    name = Path(file_name or path.name).name.encode("utf-8", "replace").decode()  # a name of other bytes can be shown, too
    progress(0.0, "Opening the file")
    size = check_file(path, name, max_mib)
    file = FileToRead(path=path.resolve(), name=name, encoding=encoding, delimiter=delimiter, sheet=sheet, missing=tuple(missing))
    limits = ReadingLimits(max_mib=max_mib, max_rows=max_rows)
    table = _read_here(file, limits, progress) if size <= IN_PROCESS_BYTES else None
    if table is None:
        table = _read_isolated(file, limits, work, progress)
    progress(1.0, "Read")
    return table


def _read_here(file: FileToRead, limits: ReadingLimits, progress: Progress) -> Table | None:
    """The table, unless it holds more than may be read in this process."""
    try:
        return parse_file(file, limits.in_process(), progress)
    except BeyondLimitsError:
        return None


def _read_isolated(file: FileToRead, limits: ReadingLimits, work: Path | None, progress: Progress) -> Table:
    with work_folder(work) as folder:
        run_isolated("read", {"file": file.to_json(), "limits": limits.to_json()}, folder, subject=file.name, progress=progress)
        return open_table(folder)
