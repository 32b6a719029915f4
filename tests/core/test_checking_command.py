"""``python -m core check``: what it prints, and its exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.settings import PROJECT_ROOT, Settings

ROWS = "text,label\n" + "".join(f"sentence number {i} about {'ships' if i % 2 else 'bread'},{i % 2}\n" for i in range(60))


@pytest.fixture
def check(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run the command with ``--json``; gives the exit code and what it answered."""

    def run(*words: str) -> tuple[int, Any]:
        code = main(["check", *words, "--json"], settings=settings)
        return code, json.loads(capsys.readouterr().out)

    return run


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
    assert "neither a file" in answer["error"]


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
