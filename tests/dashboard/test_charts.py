"""Figures hold the right values, and no markup from a label."""

import numpy as np
import plotly.graph_objects as go
import pytest

from core.evaluation.confusion_order import ConfusionView
from dashboard.charts.confusion import confusion_figure
from dashboard.charts.curves import learning_rate_curve, loss_curve, score_curve, single_curve, smoothed, thinned
from dashboard.charts.decisions import probabilities_figure, threshold_figure
from dashboard.charts.labels import label_counts_figure, precision_recall_figure, text_lengths_figure, token_lengths_figure

HOSTILE = "<b>x</b>"


def _rows(num_steps: int) -> list[dict[str, float]]:
    return [{"step": step, "epoch": step / 10, "train/loss": 1 / step} for step in range(1, num_steps + 1)]


def _names(figure: go.Figure) -> list[str]:
    return [str(trace.name) for trace in figure.data]


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant() -> None:
    assert smoothed([2.0, 2.0, 2.0]) == [2.0, 2.0, 2.0]


def test_a_long_curve_is_thinned_and_keeps_its_last_point() -> None:
    positions = thinned(10_001, most=1000)
    assert len(positions) <= 1001
    assert positions[-1] == 10_000
    assert thinned(0) == []


def test_the_specification_of_a_live_chart_never_depends_on_its_values() -> None:
    metrics = {"macro_f1": "Macro F1"}
    assert loss_curve(_rows(1)).spec == loss_curve(_rows(500)).spec
    assert score_curve(_rows(1), metrics).spec == score_curve([{"step": 9, "validation/macro_f1": 0.5}], metrics).spec


def test_loss_shows_training_smoothed_and_validation() -> None:
    points = loss_curve([*_rows(20), {"step": 20, "epoch": 2.0, "validation/loss": 0.4}]).points
    assert points["series"].value_counts().to_dict() == {"Training": 20, "Training, smoothed": 20, "Validation": 1}
    assert points.loc[points["series"] == "Validation", "value"].tolist() == [0.4]


def test_scores_draw_one_line_a_metric_and_nothing_before_the_first_epoch() -> None:
    metrics = {"macro_f1": "Macro F1", "accuracy": "Accuracy"}
    assert score_curve(_rows(3), metrics).points.empty
    row = {"step": 10, "validation/macro_f1": 0.5, "validation/accuracy": 0.6}
    assert score_curve([row], metrics).points["series"].tolist() == ["Macro F1", "Accuracy"]


def test_a_single_figure_is_drawn_over_its_steps() -> None:
    curve = single_curve(_rows(3), "train/loss", y_title="Loss", format_=".2f")
    assert curve.points["step"].tolist() == [1, 2, 3]


def test_the_head_has_a_learning_rate_of_its_own_only_where_it_differs() -> None:
    row = {"step": 1, "train/learning_rate": 1e-4, "train/head_learning_rate": 1e-3}
    assert learning_rate_curve([row]).points["series"].tolist() == ["Pretrained layers", "Head"]
    assert learning_rate_curve([{**row, "train/head_learning_rate": 1e-4}]).points["series"].tolist() == ["Learning rate"]
    assert learning_rate_curve([{"step": 1, "train/learning_rate": 1e-4}]).points["series"].tolist() == ["Learning rate"]


def test_only_filled_cells_can_be_clicked_and_carry_the_raw_names() -> None:
    confusion = ConfusionView(rows=(HOSTILE, "b"), columns=(HOSTILE, "b"), counts=np.array([[3, 1], [0, 2]]))
    figure = confusion_figure(confusion)
    cells = figure.data[1].customdata
    assert [(cell[0], cell[1], cell[2]) for cell in cells] == [(HOSTILE, HOSTILE, 3), (HOSTILE, "b", 1), ("b", "b", 2)]
    assert HOSTILE not in str(figure.layout)


def test_errors_only_leaves_out_the_diagonal() -> None:
    confusion = ConfusionView(rows=("a", "b"), columns=("a", "b"), counts=np.array([[3, 1], [0, 2]]))
    figure = confusion_figure(confusion, hide_right=True)
    assert [(cell[0], cell[1]) for cell in figure.data[1].customdata] == [("a", "b")]


def test_a_matrix_without_any_count_can_be_drawn() -> None:
    confusion = ConfusionView(rows=("a", "b"), columns=("a", "b"), counts=np.zeros((2, 2), dtype=int))
    assert confusion_figure(confusion).layout.height > 0


def test_the_label_chart_grows_with_its_labels() -> None:
    def of(number: int) -> list[dict[str, object]]:
        return [{"label": f"label {i}", "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 3} for i in range(number)]

    assert precision_recall_figure(of(77)).layout.height > 2 * precision_recall_figure(of(20)).layout.height


def test_labels_are_shown_escaped_and_handed_back_raw() -> None:
    rows = [{"label": HOSTILE, "precision": 1.0, "recall": 0.5, "f1": 0.67, "support": 3}]
    figure = precision_recall_figure(rows)
    assert figure.data[1].customdata[0][0] == HOSTILE
    assert list(figure.data[1].y) == ["&lt;b&gt;x&lt;/b&gt;"]
    assert HOSTILE not in str(label_counts_figure({"train": {HOSTILE: 3}}).data[0].y)


def test_probabilities_show_the_most_probable_first_with_their_thresholds() -> None:
    figure = probabilities_figure({"a": 0.1, "b": 0.7}, ["b"], thresholds={"a": 0.5, "b": 0.4})
    assert list(figure.data[0].y) == ["b", "a"]
    assert list(figure.data[1].x) == [0.4, 0.5]


def test_threshold_curves_are_drawn_where_they_are_known() -> None:
    figure = threshold_figure([0.2, 0.8], {"precision": [0.5, 0.9], "recall": [0.9, 0.3]}, chosen=0.5)
    assert _names(figure) == ["Precision", "Recall"]


def test_text_lengths_can_be_drawn() -> None:
    assert text_lengths_figure([1, 2, 3]).data[0].type == "histogram"


@pytest.mark.parametrize(("limit", "lines", "words"), [(20, 1, "limit 20"), (90, 1, "limit 90"), (5000, 0, "limit 5000 →")])
def test_token_lengths_count_every_text_and_show_the_limit(limit: int, lines: int, words: str) -> None:
    figure = token_lengths_figure([1, 5, 80, 81], limit)
    assert sum(figure.data[0].y) == 4
    assert len(figure.layout.shapes) == lines
    assert [note.text for note in figure.layout.annotations] == [words]


def test_each_bar_of_the_token_lengths_says_what_a_limit_there_would_truncate() -> None:
    bars = token_lengths_figure([1, 5, 80, 81], 90, tells_cuts=True).data[0]
    told = [words for _, words in bars.customdata]
    assert told[2] == "a limit of 9 truncates 2 texts (50%), 86% of all tokens lost"
    assert told[-1].endswith("truncates no text")
    assert "customdata[1]" in bars.hovertemplate
    assert "customdata[1]" not in token_lengths_figure([1, 5], 9).data[0].hovertemplate


def test_where_a_run_was_resumed_stands_in_the_loss_curve() -> None:
    curve = loss_curve(_rows(20), [7, 12])

    marks = curve.points[curve.points["series"] == "Resumed"]
    assert marks["step"].tolist() == [7, 12]
    assert marks["value"].isna().all()  # a line from top to bottom
    assert curve.spec == loss_curve(_rows(20)).spec
    assert any(layer["mark"].get("type") == "rule" for layer in curve.spec["layer"])
