"""Reading options on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl

Command = Callable[..., tuple[int, dict[str, Any]]]


def test_encoding_delimiter_and_words_for_nothing_are_taken_from_the_command(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = "".join(f"текст, номер {number}~{('да', 'нет', 'NA')[number % 3]}\n" for number in range(60))
    file.write_bytes(f"текст~метка\n{rows}".encode("koi8-r"))

    code, value = command("import", str(file), "--encoding", "koi8-r", "--delimiter", "~", "--missing", "NA")

    assert (code, value["labels"], value["num_set_aside"]) == (0, ["да", "нет"], 20)
    assert value["set_aside"][0]["content"] == json.dumps({"текст": "текст, номер 2"}, ensure_ascii=False)
    code, value = command("import", str(file), "--encoding", "utf-8")
    assert code == 2
    assert "not in utf-8" in value["error"]


def test_the_sheet_is_taken_from_the_command(command: Command, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, label in (("First", "a"), ("Second", "b")):
        sheet = book.create_sheet(title)
        for row in (("text", "label"), *((f"text {number}", f"{label}{number % 2}") for number in range(40))):
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")

    assert command("import", str(tmp_path / "a.xlsx"), "--sheet", "Second")[1]["labels"] == ["b0", "b1"]
    assert command("import", str(tmp_path / "a.xlsx"))[1]["labels"] == ["a0", "a1"]
