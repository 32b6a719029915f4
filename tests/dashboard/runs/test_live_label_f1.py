"""Scores of labels while a run trains, and its metrics as a file."""

import pytest
from streamlit.testing.v1 import AppTest

from core.workspace.workspace import Workspace
from dashboard.runs.actions import figures_table
from dashboard.runs.live_label_f1 import label_scores
from dashboard.shared.downloads import csv_bytes
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage, words_on


def _validation(epoch: float, **scores: float) -> dict[str, float]:
    return {"step": epoch * 10, "epoch": epoch, **{f"label_f1/{label}": f1 for label, f1 in scores.items()}}


def _label_table(app: AppTest) -> list[str]:
    return next(one.value for one in app.dataframe if "f1" in one.value)["label"].tolist()


def test_there_are_no_scores_before_the_first_validation() -> None:
    assert label_scores([{"step": 1, "epoch": 0.1, "train/loss": 1.0}]) is None


def test_scores_are_those_of_the_last_validation_the_lowest_first() -> None:
    scores = label_scores([_validation(1.0, a=0.2, b=0.1), {"step": 11, "train/loss": 1.0}, _validation(2.0, a=0.5, b=0.75)])
    assert scores is not None
    assert scores.epoch == 2
    assert scores.table.to_dict("list") == {"label": ["a", "b"], "f1": [0.5, 0.75], "change": pytest.approx([0.3, 0.65])}


def test_the_first_validation_has_no_change() -> None:
    scores = label_scores([_validation(1.0, a=0.2)])
    assert scores is not None
    assert scores.table["change"].isna().all()


def test_the_page_shows_few_of_many_labels_until_all_are_asked_for(workspace: Workspace, open_page: OpenPage) -> None:
    rows = made_workspace.single_label_examples(2, extra_labels=30)
    run = made_workspace.make_running(workspace, made_workspace.make_dataset(workspace, "single_label", "Many", rows))
    app = open_page("run", run=run.id)
    assert not app.exception
    assert len(_label_table(app)) == 12
    assert "Validation F1 after epoch 3" in words_on(app)
    app.button_group(key=f"labels-{run.id}-shown").set_value("all").run()
    assert len(_label_table(app)) == 35


@pytest.mark.parametrize("figure", ["gradient", "speed"])
def test_the_per_step_metrics_can_be_switched(made: dict[str, str], open_page: OpenPage, figure: str) -> None:
    run_id = made["running"]
    app = open_page("run", run=run_id)
    app.button_group(key=f"figure-{run_id}").set_value(figure).run()
    assert not app.exception
    assert app.button_group(key=f"figure-{run_id}").value == figure


def test_the_file_of_metrics_has_every_line_and_guards_names_of_labels() -> None:
    rows = [{"step": 1, "epoch": 0.5, "time_s": 1.0, "train/loss": 2.0}, {**_validation(1.0, **{"=1+1": 0.5}), "=evil": 1.0}]
    table = figures_table(rows)
    assert table.columns.tolist() == ["step", "epoch", "time_s", "train/loss", "label_f1/=1+1", "=evil"]
    lines = csv_bytes(table).decode("utf-8-sig").splitlines()
    assert lines == [
        '"step","epoch","time_s","train/loss","label_f1/=1+1","\'=evil"',
        '"1.0","0.5","1.0","2.0","",""',
        '"10.0","1.0","","","0.5","1.0"',
    ]


def test_a_run_that_has_not_started_has_no_file_of_metrics(made: dict[str, str], open_page: OpenPage) -> None:
    assert "Metrics (CSV)" in _downloads(open_page("run", run=made["running"]))
    assert "Metrics (CSV)" not in _downloads(open_page("run", run=made["queued"]))


def _downloads(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.get("download_button")]
