"""Files for the readers, written where each test can see what is in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.datasets.reading import read_table
from core.datasets.table import Table

Read = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write content under a name and read it back as a table; text is written as UTF-8 with its line ends unchanged."""

    def write_and_read(name: str, content: str | bytes, **options: Any) -> Table:
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return read_table(path, **options)

    return write_and_read
