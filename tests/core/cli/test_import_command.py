"""``python -m core import``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., tuple[int, dict[str, Any]]]


def test_import_makes_a_data_set(command: Command, tickets: Path) -> None:
    code, value = command("import", str(tickets), "--text-column", "message", "--label-column", "kind", "--name", "Mail")

    assert code == 0
    assert value["name"] == "Mail"
    assert value["labels"] == ["0", "1"]
    assert set(value["num_examples"]) == {"train", "validation", "test"}
    assert sum(value["num_examples"].values()) == 40


def test_import_takes_validation_and_test_from_files_of_their_own(command: Command, tickets: Path, tmp_path: Path) -> None:
    for part in ("validation", "test"):
        (tmp_path / f"{part}.csv").write_text("message,kind\na,0\nb,1\nc,1\n")
    columns = ["--text-column", "message", "--label-column", "kind"]
    parts = ["--validation", str(tmp_path / "validation.csv"), "--test", str(tmp_path / "test.csv")]

    _, value = command("import", str(tickets), *columns, *parts)

    assert value["num_examples"] == {"train": 40, "validation": 3, "test": 3}
