"""The Predict page, with a model that answers at once."""

from collections.abc import Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.predict import predict_page
from dashboard.results import SCREENS
from tests.dashboard.conftest import OpenPage, button, words_on

ANSWERS: dict[str, dict[str, Any]] = {
    "single_label": {"label": "billing", "probability": 0.75, "probabilities": {"billing": 0.75, "praise": 0.25}},
    "multi_label": {
        "labels": ["billing"],
        "probabilities": {"billing": 0.9, "praise": 0.2},
        "thresholds": {"billing": 0.5, "praise": 0.5},
    },
    "token_classification": {
        "entities": [{"start": 0, "end": 3, "type": "PER", "text": "Ada", "confidence": 0.9}],
    },
}


class _Model:
    def __init__(self, task: str) -> None:
        self.task = task

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [ANSWERS[self.task] for _ in texts]


def _ask(app: AppTest, texts: str) -> AppTest:
    app.text_area(key="predict-texts").set_value(texts)
    button(app, "Predict").click().run()
    return app


def test_without_a_model_the_page_leads_to_training(open_page: OpenPage) -> None:
    assert "No trained model yet" in words_on(open_page("predict"))


@pytest.mark.parametrize("task", list(ANSWERS))
def test_every_task_answers_several_texts(
    made: dict[str, str], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.setattr(predict_page, "predictor_of", lambda _: _Model(task))
    app = _ask(open_page("predict", run=made[task]), "Ada wrote this.\n\n  Ada again.  \n")
    assert not app.exception
    assert len(app.dataframe[0].value) == 2, "one label or, here, one entity a text"
    assert {one.label for one in app.get("download_button")} == {"CSV", "JSON"}


def test_nothing_written_is_said_in_words(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("predict", run=made["single_label"])
    button(app, "Predict").click().run()
    assert not app.exception
    assert "Enter or upload at least one text" in words_on(app)


def test_a_model_that_cannot_be_loaded_is_reported_without_a_traceback(made: dict[str, str], open_page: OpenPage) -> None:
    app = _ask(open_page("predict", run=made["single_label"]), "A text.")
    assert not app.exception
    assert app.error


def test_a_text_file_gives_one_text_a_line(made: dict[str, str], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_page, "predictor_of", lambda _: _Model("single_label"))
    app = open_page("predict", run=made["single_label"])
    app.button_group(key="predict-source").set_value("File").run()
    app.file_uploader(key="predict-file").set_value(("texts.txt", b"one\ntwo\n\nthree", "text/plain")).run()
    button(app, "Predict").click().run()
    assert len(app.dataframe[0].value) == 3


def test_a_table_gives_its_text_column(made: dict[str, str], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_page, "predictor_of", lambda _: _Model("single_label"))
    app = open_page("predict", run=made["single_label"])
    app.button_group(key="predict-source").set_value("File").run()
    csv = "number,message\n1,a long enough message\n2,another message\n"
    app.file_uploader(key="predict-file").set_value(("mine.csv", csv.encode(), "text/csv")).run()
    assert app.selectbox(key="predict-column").value == "message"
    button(app, "Predict").click().run()
    assert app.dataframe[0].value["text"].tolist() == ["a long enough message", "another message"]


@pytest.mark.parametrize("task", list(ANSWERS))
def test_answers_become_flat_tables(task: str) -> None:
    table = SCREENS[task].new_predictions(["Ada one", "Ada two"], [ANSWERS[task]] * 2)
    assert len(table) == 2
    assert table["text"].tolist() == ["Ada one", "Ada two"]


def test_no_entity_at_all_still_gives_a_table_with_its_header() -> None:
    table = SCREENS["token_classification"].new_predictions(["nothing"], [{"entities": []}])
    assert table.empty
    assert "entity" in table.columns
