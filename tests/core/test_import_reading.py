"""How a file is read, as said on the command line."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from core.cli import main
from core.settings import Settings


def imported(settings: Settings, capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["import", str(file), *options, "--json"], settings=settings)
    return code, json.loads(capsys.readouterr().out)


def test_encoding_delimiter_and_words_for_nothing_are_taken_from_the_command(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    rows = "".join(f"текст, номер {number}~{('да', 'нет', 'NA')[number % 3]}\n" for number in range(60))
    file.write_bytes(f"текст~метка\n{rows}".encode("koi8-r"))

    code, value = imported(settings, capsys, file, "--encoding", "koi8-r", "--delimiter", "~", "--missing", "NA")

    assert (code, value["labels"], value["num_set_aside"]) == (0, ["да", "нет"], 20)
    assert value["set_aside"][0]["content"] == json.dumps({"текст": "текст, номер 2"}, ensure_ascii=False)
    code, value = imported(settings, capsys, file, "--encoding", "utf-8")
    assert code == 2
    assert "not in utf-8" in value["error"]


def test_the_sheet_is_taken_from_the_command(settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, label in (("First", "a"), ("Second", "b")):
        sheet = book.create_sheet(title)
        for row in (("text", "label"), *((f"text {number}", f"{label}{number % 2}") for number in range(40))):
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")

    assert imported(settings, capsys, tmp_path / "a.xlsx", "--sheet", "Second")[1]["labels"] == ["b0", "b1"]
    assert imported(settings, capsys, tmp_path / "a.xlsx")[1]["labels"] == ["a0", "a1"]
