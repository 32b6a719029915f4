"""What tests of commands begin with: a command with its answer, and a file to import."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.settings import Settings

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def command(settings: Settings, fake_worker, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command with ``--json``: its exit code and its one JSON object."""

    def run(*words: str, behaviour: str = "succeed") -> tuple[int, dict[str, Any]]:
        code = main([*words, "--json"], settings=settings, worker_command=fake_worker(behaviour))
        (line,) = capsys.readouterr().out.splitlines()
        return code, json.loads(line)

    return run


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.csv"
    rows = [f"{number},the {'parcel' if number % 2 else 'bill'} is wrong {number},{number % 2}" for number in range(40)]
    file.write_text("number,message,kind\n" + "\n".join(rows))
    return file
