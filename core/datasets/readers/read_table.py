"""From a file to a ``Table``: the entry point for pages and the command line.

A file can crash or exhaust the process that parses it, so it is parsed in a separate process (see ``sandbox``), and the result is
memory-mapped. Only files that are too small to do harm are parsed in the calling process.
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
    """Read a file of labelled texts.

    Args:
        path: path of the file.
        file_name: the user's name of the file, if ``path`` is only a temporary name.
        encoding: of a text file; detected if not given.
        delimiter: of a CSV file; detected if not given.
        sheet: of a workbook, the first with content if not given; or the file to read from an archive with several files.
        missing: missing-value markers of this file, such as ``NA``; all other cells are text.
        max_mib: maximum size of the file.
        max_rows: maximum number of records, skipped ones included; ``None`` for no limit.
        work: folder of the workspace for temporary files (``Settings.work_folder``); the system's own if not given.
        progress: called with the completed fraction and the current step.

    Raises:
        InputFileError: the file is missing, too large, empty, damaged or not of the type of its extension; or reading it takes
            more memory or time than allowed.
    """
    name = (
        Path(file_name or path.name).name.encode("utf-8", "replace").decode()
    )  # undecodable bytes are replaced, so that the name can be shown
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
    """The table; ``None`` if it exceeds the limits of this process."""
    try:
        return parse_file(file, limits.in_process(), progress)
    except BeyondLimitsError:
        return None


def _read_isolated(file: FileToRead, limits: ReadingLimits, work: Path | None, progress: Progress) -> Table:
    with work_folder(work) as folder:
        run_isolated("read", {"file": file.to_json(), "limits": limits.to_json()}, folder, subject=file.name, progress=progress)
        return open_table(folder)
