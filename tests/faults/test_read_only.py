"""A read-only workspace: every command and page reports it in a sentence."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.cli import app, main
from core.config.settings import PROJECT_ROOT, Settings
from core.errors import UserError
from core.runs.scheduler.scheduler import Scheduler
from core.workspace.workspace import Workspace
from tests.faults.powers import read_only

CLEAR = r"is not writable \(Permission denied\)\. Give this user write access, or set TUNEBOARD_HOME to another folder\."
SAMPLE = str(PROJECT_ROOT / "data" / "support_tickets.csv")
COMMANDS = [
    ["import", SAMPLE],
    ["check", SAMPLE],
    ["repair", "tickets", "--repair", "strip_whitespace"],
    ["versions", "tickets"],
    ["export", "tickets", "out.csv"],
    ["train", "tickets"],
    ["runs"],
    ["show", "a run"],
    ["queue"],
    ["cancel", "a run"],
    ["resume", "a run"],
    ["predict", "a run", "a text"],
    ["doctor"],
    ["backup", "out.zip"],
    ["restore", "out.zip"],
]
PAGES = ["data", "train", "runs", "run", "results", "predict"]


@pytest.fixture
def locked(settings: Settings, run_config, open_workspace, add_dataset) -> Iterator[Settings]:
    """A workspace with a data set and a run, in which nothing can be written any more."""
    workspace = open_workspace()
    add_dataset(workspace)
    workspace.launch(run_config, name="a run")
    workspace.close()
    with read_only(settings.home):
        yield settings


def test_every_command_of_the_command_line_is_tried() -> None:
    assert {command.name for command in app.registered_commands} == {words[0] for words in COMMANDS}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_command_says_what_is_the_matter(locked: Settings, words: list[str], capsys, caplog) -> None:
    code = main(words, settings=locked)

    said = " ".join((captured := capsys.readouterr()).err.split() + captured.out.split())
    assert code != 0
    assert "is not writable (Permission denied). Give this user write access, or set TUNEBOARD_HOME" in said
    assert "Traceback" not in said
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_is_the_matter(locked: Settings, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOARD_HOME", str(locked.home))
    monkeypatch.setattr(Scheduler, "start", lambda _: None)
    st.cache_resource.clear()
    app = AppTest.from_file(str(PROJECT_ROOT / "dashboard" / "app.py"), default_timeout=30).run()
    if page != "data":
        app.switch_page(f"app_pages/{page}.py").run()

    assert not app.exception
    assert [error.proto.title for error in app.error] == ["The workspace cannot be opened"]
    assert "Give this user write access" in app.error[0].value.replace("\\", "").replace("\u2060", "")
    st.cache_resource.clear()


def test_a_workspace_that_becomes_read_only_under_an_open_dashboard_is_still_shown_and_changes_are_refused_in_words(
    settings: Settings, run_config, open_workspace, add_dataset
) -> None:
    workspace = open_workspace()
    add_dataset(workspace)
    run = workspace.launch(run_config, name="a run")

    with read_only(settings.home):
        workspace.store.close()  # what the dashboard has open still works for a while
        for change in (
            lambda: workspace.launch(run_config),
            lambda: workspace.rename_run(run.id, "another"),
            lambda: workspace.stop(run.id),
            lambda: workspace.desk.pause(True),
        ):
            with pytest.raises(UserError, match=r"Read-only|read-only|write|permission"):
                change()
        assert [one.name for one in workspace.runs()] == ["a run"]

    with contextlib.suppress(UserError):  # a connection from before may still be refused, once
        workspace.rename_run(run.id, "another")
    assert workspace.rename_run(run.id, "another").name == "another"


def test_a_folder_that_is_on_another_disk_is_looked_at_too(tmp_path: Path, settings: Settings) -> None:
    Workspace(settings).close()
    shutil.rmtree(settings.runs_folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings.runs_folder.symlink_to(elsewhere)

    with read_only(elsewhere), pytest.raises(UserError, match=CLEAR):
        Workspace(settings)
