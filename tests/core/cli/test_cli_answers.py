"""Every command: one JSON object on standard output, the right exit code, and no traceback for a user's mistake."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.config.settings import PROJECT_ROOT, Settings
from core.workspace.workspace import Workspace

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["import", "{tickets}", "--text-column", "gone", "--label-column", "kind"], "gone"),
        (["import", "{tickets}", "--task", "poetry"], "poetry"),
        (["import", "{tickets}", "--task", "single_label", "--role", "label"], "ROLE=COLUMN"),
        (["import"], "Missing argument 'FILE'"),
        (["dance"], "dance"),
        (["runs", "--loudly"], "--loudly"),
        (["show", "gone"], "no run 'gone'"),
        (["train", "gone"], "no data set 'gone'"),
        (["cancel", "gone"], "no run 'gone'"),
        (["resume", "gone"], "no run 'gone'"),
        (["predict", "gone", "text"], "no run 'gone'"),
        (["predict", "gone", "\udcff"], "not valid UTF-8"),
        (["show", "\udcff"], "not valid UTF-8"),
        (["import", "{tickets}", "--name=\udcff"], "not valid UTF-8"),
    ],
)
def test_a_mistake_is_said_plainly_with_exit_code_2(
    settings: Settings, tickets: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    words = [word.replace("{tickets}", str(tickets)) for word in words]

    assert main(words, settings=settings) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert "Traceback" not in said.err
    assert said.out == ""

    assert main([*words, "--json"], settings=settings) == 2
    assert expected in json.loads(capsys.readouterr().out)["error"]


def test_a_fault_of_the_program_still_gives_one_json_object(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "runs", lambda _: 1 / 0)

    code, value = command("runs")

    assert code == 1
    assert "Unexpected error" in value["error"]


def test_what_libraries_print_stays_out_of_the_answer(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Workspace, "runs", lambda _: print("Downloading…") or [])

    assert command("runs") == (0, {"runs": []})
    assert capsys.readouterr().out == ""


def test_listing_runs_loads_neither_torch_nor_pandas(settings: Settings) -> None:
    code = (
        "import sys; from core.cli import main; main(['runs', '--json']); "
        "print(sorted({'torch', 'transformers', 'pandas', 'streamlit'} & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TUNEBOARD_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == {"runs": []}
    assert done.stderr.strip() == "[]"


def test_the_module_runs_as_a_program(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "show", "gone", "--json"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TUNEBOARD_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "gone" in json.loads(done.stdout)["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_file_whose_name_is_no_text_is_read_all_the_same(
    settings: Settings, tickets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tickets.rename(tickets.with_name(os.fsdecode(b"odd-\xff.csv")))

    assert main(["import", str(odd), "--json"], settings=settings) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "odd-"
