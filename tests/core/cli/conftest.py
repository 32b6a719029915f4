"""What tests of commands begin with: a file to import."""

from pathlib import Path

import pytest


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.csv"
    rows = [f"{number},the {'parcel' if number % 2 else 'bill'} is wrong {number},{number % 2}" for number in range(40)]
    file.write_text("number,message,kind\n" + "\n".join(rows))
    return file
