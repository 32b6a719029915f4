import errno
import os

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.store.engine import NotNowError
from core.workspace.workspace import Workspace
from dashboard.data.importing import uploads
from tests.dashboard.conftest import OpenPage, words_on


def test_an_unexpected_error_is_a_sentence_and_not_a_traceback(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("somebody's text")

    monkeypatch.setattr("dashboard.shared.widgets.page_head", fail)

    app = open_page("runs")

    assert not app.exception
    (error,) = app.error
    assert "Your saved data is not affected" in error.value
    assert "somebody" not in error.value


def test_a_full_disk_under_a_page_is_said_with_what_to_do(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somebody/s/text")

    monkeypatch.setattr(Workspace, "dataset_records", fail)

    app = open_page("data")

    assert not app.exception
    assert "There is not enough disk space" in words_on(app)
    assert "somebody" not in words_on(app)


def test_a_fragment_shows_its_own_errors(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    del workspace

    def fail(*_: object) -> None:
        raise NotNowError("Another process has locked the database for more than 60 seconds.")

    monkeypatch.setattr(Workspace, "run", fail)

    def script() -> None:  # runs on its own, without the imports of this file
        from core.runs.store.records import RunState
        from dashboard.runs.run_page import draw_live

        draw_live("20260101-000000-aaaaa", RunState.RUNNING)

    app = AppTest.from_function(script, default_timeout=30).run()

    assert not app.exception
    assert "locked the database" in words_on(app)


def test_an_upload_onto_a_full_disk_leaves_nothing_behind(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoRoom:
        name, file_id = "big.csv", "1"

        def getbuffer(self) -> memoryview:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dashboard.data.importing.uploads.state.workspace", lambda: workspace)

    with pytest.raises(OSError, match="No space"):
        uploads.keep(NoRoom())

    assert list(workspace.settings.uploads_folder.iterdir()) == []
