"""A database file that is deleted while the dashboard runs: the page says so once, and shows everything as before."""

import pytest
from streamlit.testing.v1 import AppTest

from core.workspace.workspace import Workspace
from tests.dashboard.conftest import OpenPage, button, words_on

NEWS = "Database rebuilt"


def rows_on(app: AppTest) -> list[list[dict[str, str]]]:
    """The cells of every table, without what changes every second."""
    return [table.value.drop(columns="duration", errors="ignore").astype(str).to_dict("records") for table in app.dataframe]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("page", ["runs", "data", "train"])
def test_a_page_says_that_the_database_was_deleted_until_the_notice_is_dismissed(
    workspace: Workspace, open_page: OpenPage, page: str
) -> None:
    app = open_page(page)
    assert NEWS not in words_on(app)
    shown = rows_on(app)
    for file in workspace.settings.home.glob("tuneboard.db*"):
        file.unlink()

    app.run()

    assert not app.exception
    assert NEWS in words_on(app)
    assert "all data sets and runs are as before" in words_on(app)
    assert rows_on(app) == shown
    button(app, "Dismiss").click().run()
    assert NEWS not in words_on(app)
    assert NEWS not in words_on(app.run())


@pytest.mark.usefixtures("made")
def test_a_database_restored_from_the_folders_alone_is_said_to_be(workspace: Workspace, open_page: OpenPage) -> None:
    workspace.close()
    (workspace.settings.home / "tuneboard.db").unlink()

    words = words_on(open_page("data"))

    assert NEWS in words
    assert "check the names of your data sets" in words
    assert "Nothing is lost" not in words


def test_an_unreadable_file_found_in_its_place_is_named(workspace: Workspace, open_page: OpenPage) -> None:
    app = open_page("runs")
    workspace.close()
    (workspace.settings.home / "tuneboard.db").unlink()
    (workspace.settings.home / "tuneboard.db").write_text("no database " * 500)

    words = words_on(app.run())

    assert NEWS in words
    assert "was kept as tuneboard.db.damaged-" in words
