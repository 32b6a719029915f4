"""How splits are chosen on the import screen, and the pool of unlabelled rows on the Predict page."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.dataset import UNLABELLED_FILE, description_of
from core.workspace.workspace import Workspace
from dashboard.predict import predict_page
from tests.dashboard.conftest import OpenPage, button, words_on

CSV = "message,topic,customer,sent\n" + "".join(
    f"text number {i} of the file,{'good' if i % 3 else 'bad'},c{i % 13},{1 + i % 28}.{1 + i % 12}.2024\n" for i in range(90)
)


def _upload(app: AppTest, content: str = CSV) -> AppTest:
    app.file_uploader(key="data-upload").set_value(("mine.csv", content.encode(), "text/csv"))
    return app.run()


@pytest.mark.parametrize(
    ("way", "key", "column"), [("group", "import-group-column", "customer"), ("time", "import-time-column", "sent")]
)
def test_splits_by_group_or_time_are_chosen_before_saving(
    workspace: Workspace, open_page: OpenPage, way: str, key: str, column: str
) -> None:
    app = _upload(open_page("data"))
    app.selectbox(key="import-splits").set_value(way).run()
    assert f"{way.capitalize()} column" in words_on(app), "what is missing is named"
    assert not [one for one in app.button if one.label == "Save data set"]
    app.selectbox(key=key).set_value(column).run()
    button(app, "Save data set").click().run()
    assert not app.exception
    dataset = workspace.dataset(workspace.dataset_records()[0].id)
    assert (dataset.splitting["method"], dataset.splitting["column"]) == (way, column)


def test_a_column_without_dates_is_refused_in_plain_words(open_page: OpenPage) -> None:
    app = _upload(open_page("data"))
    app.selectbox(key="import-splits").set_value("time").run()
    app.selectbox(key="import-time-column").set_value("customer").run()
    assert not app.exception
    assert "which is not a date or time" in words_on(app)


def test_rows_without_a_label_are_kept_as_a_pool(workspace: Workspace, open_page: OpenPage) -> None:
    app = _upload(open_page("data"), CSV + "nobody labelled this,,c1,1.1.2024\n")
    button(app, "Save data set").click().run()
    dataset = workspace.dataset(workspace.dataset_records()[0].id)
    assert dataset.unlabelled()["text"].tolist() == ["nobody labelled this"]
    app = open_page("data", dataset=dataset.id)
    assert any("1 unlabelled row" in one.label for one in app.get("download_button"))


class _Model:
    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [{"label": "billing", "probability": 0.75, "probabilities": {"billing": 0.75, "praise": 0.25}} for _ in texts]


def test_the_unlabelled_rows_of_the_data_set_can_be_predicted(
    workspace: Workspace, made: dict[str, str], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_page, "predictor_of", lambda _: _Model())
    assert "predict-source-pool" not in {one.key for one in open_page("predict", run=made["single_label"]).button_group}
    dataset = workspace.dataset(workspace.run(made["single_label"]).dataset_id)
    pd.DataFrame({"record": [7, 8], "text": ["first", "second"]}).to_parquet(dataset.folder / UNLABELLED_FILE)
    (dataset.folder / "dataset.json").write_text(json.dumps({**description_of(dataset), "num_unlabelled": 2}))
    app = open_page("predict", run=made["single_label"])
    app.button_group(key="predict-source-pool").set_value(predict_page.UNLABELLED).run()
    button(app, "Predict").click().run()
    assert not app.exception
    assert app.dataframe[0].value["text"].tolist() == ["first", "second"]
