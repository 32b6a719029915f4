import pytest

from tests.dashboard.conftest import OpenPage


def test_an_error_nobody_foresaw_is_a_sentence_and_not_a_traceback(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("somebody's text")

    monkeypatch.setattr("dashboard.widgets.page_head", fail)

    app = open_page("runs")

    assert not app.exception
    (error,) = app.error
    assert "Nothing that was saved is harmed" in error.value
    assert "somebody" not in error.value
