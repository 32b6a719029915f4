"""Files for the readers, written in each test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.datasets.readers.read_table import read_table
from core.datasets.readers.table_transfer import open_table, save_table
from core.datasets.table import Table

Read = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write content under a name and read it back as a table; text is written as UTF-8 with its line ends unchanged."""

    def write_and_read(name: str, content: str | bytes, **options: Any) -> Table:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        table = read_table(path, **options)
        _hand_over(table, tmp_path)
        return table

    return write_and_read


def _hand_over(table: Table, folder: Path) -> None:
    """Reading in a separate process, as for larger files, gives the same result."""
    save_table(table, folder)
    other = open_table(folder)
    assert other.rows.index.equals(table.rows.index)
    assert other.rows.columns.tolist() == table.rows.columns.tolist()
    for place in range(table.rows.shape[1]):
        assert other.rows.iloc[:, place].tolist() == table.rows.iloc[:, place].tolist()
    assert other.set_aside == table.set_aside
    assert dict(other.lines) == dict(table.lines)
    told = [(one.file_name, one.format, one.reading, one.notes, one.num_records) for one in (table, other)]
    assert told[0] == told[1]
