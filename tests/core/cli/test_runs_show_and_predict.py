"""``runs``, ``show`` and ``predict``: listing runs, and using them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.config.run_config import RunConfig
from core.config.settings import Settings

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.mark.usefixtures("workspace")
def test_runs_lists_what_there_is(command: Command, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("runs") == (0, {"runs": []})
    _, run = command("train", "tickets", "--name", "mine")

    code, value = command("runs")
    assert (code, [listed["run"] for listed in value["runs"]]) == (0, [run["run"]])

    assert main(["runs"], settings=settings) == 0
    assert "mine" in capsys.readouterr().out


@pytest.mark.usefixtures("workspace")
def test_show_gives_the_status_and_the_content_of_the_result(command: Command) -> None:
    _, run = command("train", "tickets")

    code, value = command("show", run["run"])

    assert (code, value["status"], value["task"]) == (0, "succeeded", "single_label")
    assert value["splits"]["test"]["accuracy"] == 0.75
    assert value["training"]["steps"] == 4


@pytest.mark.usefixtures("workspace")
def test_show_works_without_a_result(command: Command, settings, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = command("train", "tickets", behaviour="fail")

    code, value = command("show", run["run"])
    assert (code, value["status"]) == (0, "failed")
    assert "splits" not in value

    main(["show", run["run"]], settings=settings)
    assert "rows of the data set have changed" in capsys.readouterr().out


def test_show_sees_that_a_worker_nobody_watched_has_died(command: Command, workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)

    _, value = command("show", run.id)

    assert value["status"] == "interrupted"


@pytest.mark.usefixtures("workspace")
def test_predicting_with_an_unfinished_run_is_a_mistake(command: Command) -> None:
    _, run = command("train", "tickets", behaviour="fail")

    code, value = command("predict", run["run"], "some text")

    assert code == 2
    assert "no finished model" in value["error"]


@pytest.mark.parametrize("words", [[], ["text", "--file", "{tickets}"]])
@pytest.mark.usefixtures("workspace")
def test_predict_wants_texts_or_a_file(command: Command, tickets: Path, words: list[str]) -> None:
    _, run = command("train", "tickets")

    code, value = command("predict", run["run"], *(word.replace("{tickets}", str(tickets)) for word in words))

    assert code == 2
    assert "texts, --file or --unlabelled" in value["error"]


@pytest.mark.usefixtures("workspace")
def test_predict_names_the_columns_there_are(command: Command, tickets: Path) -> None:
    _, run = command("train", "tickets")

    code, value = command("predict", run["run"], "--file", str(tickets), "--text-column", "gone")

    assert code == 2
    assert "'message'" in value["error"]
