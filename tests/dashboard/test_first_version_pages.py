"""The pages show a workspace that the first version of the product made."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.workspace.workspace import Workspace
from tests.core.workspace.test_first_version import COLOURS, FIRST_VERSION, NAMES, SEVERAL, STOPPED
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage, words_on


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(FIRST_VERSION, tmp_path / "workspace")
    opened = made_workspace.open_workspace(tmp_path / "workspace")
    yield opened
    opened.close()


@pytest.mark.parametrize("run", [COLOURS, SEVERAL, NAMES])
@pytest.mark.parametrize("page", ["run", "results", "predict"])
def test_pages_of_its_runs_open(open_page: OpenPage, page: str, run: str) -> None:
    app = open_page(page, run=run)

    assert not app.exception
    assert not app.error


def test_its_lists_and_its_stopped_run_open(open_page: OpenPage) -> None:
    for page, query in (("data", {}), ("train", {}), ("runs", {}), ("run", {"run": STOPPED})):
        app = open_page(page, **query)
        assert not app.exception
        assert not app.error
    assert "stopped run" in words_on(app)
