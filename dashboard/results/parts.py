"""What the results of several tasks share: averages, scores by label, and a clickable confusion matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.evaluation.confusion_order import ConfusionView, Order, Shares
from core.evaluation.scores import wilson_interval
from dashboard.charts.base import TOOLBAR, height_of_rows
from dashboard.charts.confusion import confusion_figure
from dashboard.charts.labels import precision_recall_figure
from dashboard.results.examples import ask_for_examples
from dashboard.results.view import Focus
from dashboard.shared import formats

_AVERAGES = {
    "macro": ("Macro", "all labels have equal weight"),
    "micro": ("Micro", "all decisions have equal weight"),
    "weighted": ("Weighted", "labels are weighted by support"),
    "samples": ("Samples", "all texts have equal weight"),
}
_SORTS: dict[str, tuple[str, bool]] = {
    "Lowest F1": ("f1", True),
    "Lowest precision": ("precision", True),
    "Lowest recall": ("recall", True),
    "Support": ("support", False),
    "Name": ("label", True),
}
_ORDERS: dict[Order, str] = {"confused": "Confusion", "support": "Support", "name": "Name"}
_SHARES: dict[Shares, str] = {"counts": "Counts", "rows": "Share of row", "columns": "Share of column"}
_MANY_LABELS = 40
_COLUMNS_BESIDE_A_CHART = 6


def score_column(title: str, help_text: str | None = None) -> Any:
    """A column of scores from 0 to 1."""
    return st.column_config.NumberColumn(title, format="%.3f", help=help_text, min_value=0.0, max_value=1.0)


def confidence_column(title: str = "Confidence") -> Any:
    """A column of probabilities, shown as bars."""
    return st.column_config.ProgressColumn(title, format="%.3f", min_value=0.0, max_value=1.0, width="small")


def interval_sentence(interval: Sequence[float], trials: int, what: str, one: str = "example", many: str | None = None) -> str:
    """The confidence interval of a share, as a sentence."""
    return (
        f"95% confidence interval of the {what} with {formats.plural(trials, one, many)}: "
        f"{formats.score(interval[0])} to {formats.score(interval[1])} (Wilson)."
    )


def wilson_sentence(hits: int, trials: int, what: str, one: str = "example", many: str | None = None) -> str:
    """The confidence interval of ``hits`` out of ``trials``, as a sentence."""
    return interval_sentence(wilson_interval(hits, trials), trials, what, one, many)


def averages_table(scores: Mapping[str, Any], *, key: str) -> None:
    """Precision, recall and F1 under each of the task's averages."""
    rows = [
        {
            "Average": title,
            "Precision": scores[name]["precision"],
            "Recall": scores[name]["recall"],
            "F1": scores[name]["f1"],
            "Meaning": meaning,
        }
        for name, (title, meaning) in _AVERAGES.items()
        if name in scores
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"averages-{key}",
        column_config={name: score_column(name) for name in ("Precision", "Recall", "F1")},
        alt="Averages of precision, recall and F1",
    )


def labels_section(table: pd.DataFrame, *, key: str, column_config: Mapping[str, Any] | None = None) -> None:
    """Chart and table with one row per label; a click on either opens the examples of the label.

    Args:
        table: ``label``, ``precision``, ``recall``, ``f1``, ``support`` and further columns of the task.
    """
    sort = st.segmented_control("Sort by", list(_SORTS), default="Lowest F1", required=True, key=f"sort-{key}")
    column, ascending = _SORTS[str(sort)]
    by = table[column].str.casefold() if column == "label" else table[column]
    ordered = table.loc[by.sort_values(ascending=ascending, kind="stable").index].reset_index(drop=True)
    st.caption("Click a dot or a table row to see the examples of a label.")
    if len(table.columns) > _COLUMNS_BESIDE_A_CHART:
        _clickable_table(ordered, key=f"labels-{key}", column_config=column_config or {}, largest=600)
        _clickable_dots(ordered, key=f"dots-{key}")
        return
    left, right = st.columns([5, 6], gap="medium")
    with left:
        _clickable_dots(ordered, key=f"dots-{key}")
    with right:
        _clickable_table(
            ordered, key=f"labels-{key}", column_config=column_config or {}, largest=max(560, height_of_rows(len(table)))
        )


def _clickable_dots(table: pd.DataFrame, *, key: str) -> None:
    records = table.to_dict("records")

    def clicked() -> None:
        for point in selected_points(key):
            ask_for_examples(Focus(label=str(point[0])))

    st.plotly_chart(
        precision_recall_figure([{str(name): value for name, value in row.items()} for row in records]),
        key=key,
        config=TOOLBAR,
        on_select=clicked,
        selection_mode="points",
        alt="Precision and recall of each label",
    )


def _clickable_table(table: pd.DataFrame, *, key: str, column_config: Mapping[str, Any], largest: int) -> None:
    def clicked() -> None:
        for row in st.session_state[key]["selection"]["rows"]:
            ask_for_examples(Focus(label=str(table["label"].iloc[row])))

    st.dataframe(
        table,
        hide_index=True,
        key=key,
        on_select=clicked,
        selection_mode="single-row",
        height=min(38 + 35 * len(table), largest),
        column_config={
            "label": st.column_config.TextColumn("Label", width=160),
            "precision": score_column("Precision", "Share of the predictions of this label that are correct"),
            "recall": score_column("Recall", "Share of the examples with this label that were predicted correctly"),
            "f1": score_column("F1", "Harmonic mean of precision and recall"),
            "support": st.column_config.NumberColumn(
                "Support", help="How often the label occurs in the gold data of this split", format="%d"
            ),
            **column_config,
        },
        alt="Scores of each label",
    )


def confusion_section(confusion: ConfusionView, *, key: str, note: str, fixed_tail: int = 0, hide_right: bool = True) -> None:
    """The matrix with its settings and the most confused pairs; a click on a cell opens its examples.

    Args:
        note: a sentence on what rows and columns are.
        fixed_tail: number of labels at the end that are never reordered.
        hide_right: whether the user can leave out correct predictions.
    """
    size = len(confusion.rows)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        shares = st.segmented_control(
            "Show as", list(_SHARES), format_func=_SHARES.__getitem__, default="counts", required=True, key=f"shares-{key}"
        )
        order = st.segmented_control(
            "Sort by", list(_ORDERS), format_func=_ORDERS.__getitem__, default="confused", required=True, key=f"order-{key}"
        )
        most = _how_many(size, key) if size > 12 else size
        errors_only = hide_right and st.toggle(
            "Errors only", key=f"errors-{key}", help="Hide correct predictions, so that the errors use the whole colour scale"
        )
    st.caption(f"{note} Click a cell to see its examples. Drag to zoom, double-click to reset.")
    shown = confusion.most_confused(most) if fixed_tail == 0 else confusion
    shown = shown.ordered(order, fixed_tail=fixed_tail)
    wide = size > _MANY_LABELS and most > _MANY_LABELS
    left, right = (st.container(), st.container()) if wide else st.columns(2, gap="medium")
    with left:
        _clickable_matrix(shown, kind=shares, hide_right=bool(errors_only), key=f"matrix-{key}")
    with right:
        _pairs_table(confusion, of_gold=hide_right, key=f"pairs-{key}")


def _how_many(size: int, key: str) -> int:
    choices = [n for n in (10, 20, 40, 80) if n < size]
    named: dict[int, str] = {size: "All labels", **{n: f"{n} most confused" for n in choices}}
    return int(st.selectbox("Labels", list(named), format_func=named.__getitem__, key=f"most-{key}", width=180))


def _clickable_matrix(confusion: ConfusionView, *, kind: Shares, hide_right: bool, key: str) -> None:
    def clicked() -> None:
        for point in selected_points(key):
            ask_for_examples(Focus(gold=str(point[0]), predicted=str(point[1])))

    st.plotly_chart(
        confusion_figure(confusion, kind=kind, hide_right=hide_right),
        key=key,
        config=TOOLBAR,
        on_select=clicked,
        selection_mode="points",
        alt="Confusion matrix: gold labels from top to bottom, predicted from left to right",
    )


def _pairs_table(confusion: ConfusionView, *, of_gold: bool, key: str) -> None:
    """Pairs of labels; with their share of the gold label only if the matrix includes correct predictions."""
    pairs = confusion.pairs()
    st.markdown("**Most confused labels**")
    if not pairs:
        st.caption("No labels were confused on this split.")
        return

    def clicked() -> None:
        for row in st.session_state[key]["selection"]["rows"]:
            ask_for_examples(Focus(gold=pairs[row].gold, predicted=pairs[row].predicted))

    table = pd.DataFrame([{**vars(pair), "share": 100 * pair.share} for pair in pairs])
    st.dataframe(
        table if of_gold else table.drop(columns="share"),
        hide_index=True,
        key=key,
        on_select=clicked,
        selection_mode="single-row",
        height=min(38 + 35 * len(pairs), 560),
        column_config={
            "gold": st.column_config.TextColumn("Gold"),
            "predicted": st.column_config.TextColumn("Predicted"),
            "count": st.column_config.NumberColumn("Examples", width="small"),
            "share": st.column_config.NumberColumn(
                "% of gold", format="%.0f%%", width="small", help="Share of the gold label's examples"
            ),
        },
        alt="Most confused pairs of labels",
    )


def confusion_of(raw: Mapping[str, Any], *, last_row: str = "", last_column: str = "") -> ConfusionView:
    """The matrix of a result; for entities, the last row and column get their own names."""
    names = tuple(str(label) for label in raw["labels"])
    rows = (*names[:-1], last_row) if last_row else names
    columns = (*names[:-1], last_column) if last_column else names
    return ConfusionView(rows=rows, columns=columns, counts=np.array(raw["counts"], dtype=int).reshape(len(names), len(names)))


def selected_points(key: str) -> list[list[Any]]:
    """``customdata`` of the points selected in a chart; empty after a click that unselects."""
    found = []
    for point in st.session_state[key]["selection"]["points"]:
        data = point.get("customdata")
        if isinstance(data, Mapping):  # depending on its source, Plotly returns a row as {"0": …, "1": …}
            data = [data[place] for place in sorted(data, key=int)]
        if data:
            found.append(list(data))
    return found[:1]
