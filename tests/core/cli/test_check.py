"""``python -m core check``: what it prints, and its exit codes."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from core.cli import main
from core.config.settings import PROJECT_ROOT, Settings

ROWS = "text,label\n" + "".join(f"sentence number {i} about {'ships' if i % 2 else 'bread'},{i % 2}\n" for i in range(60))


@pytest.fixture
def check(command: Callable[..., tuple[int, Any]]) -> Callable[..., tuple[int, Any]]:
    """Run the command with ``--json``; gives the exit code and what it answered."""
    return partial(command, "check")


def test_a_file_is_checked_and_the_exit_code_is_0_whatever_is_found(check, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS + "write to ada@home.example,1\n" + ROWS.splitlines()[1] + "\n", encoding="utf-8")

    code, answer = check(str(path))

    assert code == 0
    assert answer["subject"] == "rows.csv"
    assert answer["num_examples"] == 62
    assert answer["model"].startswith("all-MiniLM")
    found = {finding["check"]: finding for finding in answer["findings"]}
    assert {"exact_duplicates", "personal_data"} <= set(found)
    assert found["personal_data"]["offers"][0]["repair"] == "mask_personal_data"
    assert found["personal_data"]["num_rows"] == 1


def test_a_data_set_is_checked_by_its_name(check, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(PROJECT_ROOT / "data" / "product_reviews.csv"), "--name", "reviews"], settings=settings)
    capsys.readouterr()

    code, answer = check("reviews", "--model", "none")

    assert (code, answer["subject"], answer["model"]) == (0, "reviews", None)
    assert "rows_without_labels" in {finding["check"] for finding in answer["findings"]}


def test_a_file_that_cannot_become_a_data_set_is_a_finding(check, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"sentence {i},same\n" for i in range(30)), encoding="utf-8")

    code, answer = check(str(path))

    assert code == 0
    assert [finding["check"] for finding in answer["findings"]] == ["not_a_data_set"]
    assert "only one label" in answer["findings"][0]["effect"]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02" * 50])
def test_a_file_that_cannot_be_read_is_a_mistake(check, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)

    code, answer = check(str(path))

    assert code == 2
    assert answer["error"]


def test_what_is_nowhere_is_a_mistake(check) -> None:
    code, answer = check("nowhere.csv")

    assert code == 2
    assert "neither an existing file" in answer["error"]


def test_people_read_sentences_in_which_nothing_of_the_file_can_steer_a_terminal(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS + "\x1b[31mred ada@home.example,1\n", encoding="utf-8")

    code = main(["check", str(path)], settings=settings)

    said = capsys.readouterr().out
    assert code == 0
    assert "WARNING: Personal data in texts: 1 e-mail address" in said
    assert "repair: mask_personal_data" in said
    assert "\x1b" not in said


def test_a_file_is_read_as_the_command_says(check, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = "".join(f"предложение номер {i} про {'суда' if i % 2 else 'хлеб'}~{i % 2}\n" for i in range(60))
    path.write_bytes(("текст~метка\n" + rows).encode("koi8-r"))

    code, answer = check(str(path), "--encoding", "koi8-r", "--delimiter", "~", "--model", "none")

    assert (code, answer["num_examples"]) == (0, 60)
    assert answer["notes"] == []
    assert check(str(path), "--encoding", "utf-8")[0] == 2
    assert check(str(path), "--encoding", "klingon")[0] == 2


def test_what_was_assumed_in_reading_a_file_is_said_beside_the_findings(check, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(
        ("文本,标签\n" + "".join(f"今天天气很好 {i},{'好' if i % 2 else '坏'}\n" for i in range(40))).encode("gb18030")
    )

    _, answer = check(str(path), "--model", "none")

    assert any("The encoding was guessed" in note for note in answer["notes"])


def test_the_sheet_that_is_checked_is_chosen(check, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, number in (("First", 40), ("Second", 50)):
        sheet = book.create_sheet(title)
        for row in (("text", "label"), *((f"the text with number {i}", f"l{i % 2}") for i in range(number))):
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")

    assert check(str(tmp_path / "a.xlsx"), "--sheet", "Second", "--model", "none")[1]["num_examples"] == 50
    assert check(str(tmp_path / "a.xlsx"), "--sheet", "Third")[0] == 2


def test_options_of_reading_are_refused_for_what_is_no_file(check) -> None:
    code, answer = check("nowhere.csv", "--encoding", "gb18030")

    assert code == 2
    assert "--encoding" in answer["error"]


def test_the_account_of_a_file_and_of_its_data_set_is_complete(
    check, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS + "too,many,cells\n" * 300 + ",1\nno label,\n", encoding="utf-8")
    by_kind = {"ragged_row": 300, "no_text": 1, "no_label": 1}
    expected = {"records": 362, "kept": 60, "set_aside": 302, "set_aside_by_kind": by_kind}

    assert check(str(path), "--model", "none")[1]["account"] == expected
    assert main(["import", str(path), "--name", "rows", "--json"], settings=settings) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["num_records"], answer["num_kept"], answer["num_set_aside"]) == (362, 60, 302)
    assert answer["set_aside_by_kind"] == by_kind
    assert check("rows", "--model", "none")[1]["account"] == expected
    assert main(["check", "rows", "--model", "none"], settings=settings) == 0
    assert "362 records read: 60 kept, 302 skipped.\n  300: The row has more or fewer cells" in capsys.readouterr().out
