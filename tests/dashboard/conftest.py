"""A workspace of plain files and a browser-less app for the tests of the pages."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.runs.scheduler.scheduler import Scheduler
from core.workspace.workspace import Workspace
from tests.dashboard import made_workspace

OpenPage = Callable[..., AppTest]
OpenDialog = Callable[[str, str, Any], AppTest]

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test starts training in the background, and no page sees what another test's page cached."""
    monkeypatch.setattr(Scheduler, "start", lambda _: None)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """The workspace that the pages open: empty, unless the test asks for ``made`` too."""
    if "made" in request.fixturenames:
        request.getfixturevalue("made")
    opened = made_workspace.open_workspace(tmp_path / "workspace")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def _full_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    home = tmp_path_factory.mktemp("full")
    filled = made_workspace.open_workspace(home)
    try:
        return home, made_workspace.fill(filled)
    finally:
        filled.close()


@pytest.fixture
def made(_full_home: tuple[Path, dict[str, str]], tmp_path: Path) -> dict[str, str]:
    """Fills the workspace with a finished run of every task and a run in every other state: a short word -> the run's id."""
    home, ids = _full_home
    shutil.copytree(home, tmp_path / "workspace", dirs_exist_ok=True)
    return ids


@pytest.fixture
def open_page(workspace: Workspace) -> OpenPage:
    """Opens a page of the app on the workspace like a new tab, with ids in its URL."""
    del workspace

    def open_one(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        if page != "data":
            app.switch_page(f"app_pages/{page}.py")
            for name, value in query.items():
                app.query_params[name] = value
            app.run()
        return app

    return open_one


@pytest.fixture
def open_dialog(workspace: Workspace) -> OpenDialog:
    """Opens a dialog of the dashboard by itself: in a page, AppTest would close it with the next click."""
    del workspace

    def open_one(module: str, name: str, subject: Any) -> AppTest:
        def script(module, name, subject):  # runs on its own, without the imports of this file
            import importlib

            getattr(importlib.import_module(f"dashboard.{module}"), name)(subject)

        return AppTest.from_function(script, default_timeout=30, args=(module, name, subject)).run()

    return open_one


def id_in_address(app: AppTest, name: str) -> str:
    """The id a page's address carries."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def words_on(app: AppTest) -> str:
    """All texts of a page, to search for a phrase."""
    kinds: tuple[Any, ...] = (
        app.title,
        app.subheader,
        app.caption,
        app.markdown,
        app.text,
        app.info,
        app.warning,
        app.error,
        app.success,
        app.button,
        app.metric,
    )
    found = []
    for elements in kinds:
        for element in elements:
            found += [str(getattr(element, name, "") or "") for name in ("label", "value")]
            found.append(str(getattr(element.proto, "title", "")))
    return "\n".join(found).replace("\\", "").replace("\u2060", "")


def button(app: AppTest, label: str) -> Any:
    """The first button with this label."""
    return next(one for one in app.button if one.label == label)
