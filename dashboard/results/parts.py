"""What the results of several tasks have in common: averages, a table and a chart by label, a confusion matrix to click on."""

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
    "macro": ("Macro", "every label counts the same"),
    "micro": ("Micro", "every decision counts the same"),
    "weighted": ("Weighted", "labels count by their support"),
    "samples": ("Samples", "every text counts the same"),
}
_SORTS: dict[str, tuple[str, bool]] = {
    "Lowest F1": ("f1", True),
    "Lowest precision": ("precision", True),
    "Lowest recall": ("recall", True),
    "Support": ("support", False),
    "Name": ("label", True),
}
_ORDERS: dict[Order, str] = {"confused": "Clustered", "support": "By support", "name": "By name"}
_SHARES: dict[Shares, str] = {"counts": "Counts", "rows": "By row", "columns": "By column"}
_MANY_LABELS = 40
_COLUMNS_BESIDE_A_CHART = 6


def score_column(title: str, help_text: str | None = None) -> Any:
    """A column of figures from 0 to 1."""
    return st.column_config.NumberColumn(title, format="%.3f", help=help_text, min_value=0.0, max_value=1.0)


def confidence_column(title: str = "Confidence") -> Any:
    """A column of probabilities with a bar behind the figure."""
    return st.column_config.ProgressColumn(title, format="%.3f", min_value=0.0, max_value=1.0, width="small")


def interval_sentence(interval: Sequence[float], trials: int, what: str, one: str = "example", many: str | None = None) -> str:
    """How sure a share is, in words."""
    return (
        f"With {formats.plural(trials, one, many)}, the true {what} lies between "
        f"{formats.score(interval[0])} and {formats.score(interval[1])} (95% Wilson interval)."
    )


def wilson_sentence(hits: int, trials: int, what: str, one: str = "example", many: str | None = None) -> str:
    """How sure a share of so many is, in words."""
    return interval_sentence(wilson_interval(hits, trials), trials, what, one, many)


def averages_table(scores: Mapping[str, Any], *, key: str) -> None:
    """Precision, recall and F1 under each average a task has."""
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
    """Chart and table with one line a label; a click on either asks for the examples behind the label.

    Args:
        table: ``label``, ``precision``, ``recall``, ``f1``, ``support`` and whatever else the task has.
    """
    sort = st.segmented_control("Order", list(_SORTS), default="Lowest F1", required=True, key=f"sort-{key}")
    column, ascending = _SORTS[str(sort)]
    by = table[column].str.casefold() if column == "label" else table[column]
    ordered = table.loc[by.sort_values(ascending=ascending, kind="stable").index].reset_index(drop=True)
    st.caption("Click on a dot or a row to read the examples behind a label.")
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
            "precision": score_column("Precision", "Of all that were given this label, how many rightly"),
            "recall": score_column("Recall", "Of all that have this label, how many were found"),
            "f1": score_column("F1", "One figure for both: the harmonic mean of precision and recall"),
            "support": st.column_config.NumberColumn("Support", help="How often the label occurs in gold", format="%d"),
            **column_config,
        },
        alt="Scores of each label",
    )


def confusion_section(confusion: ConfusionView, *, key: str, note: str, fixed_tail: int = 0, hide_right: bool = True) -> None:
    """The matrix with its settings and the pairs most often confused; a click asks for the examples behind a cell.

    Args:
        note: what rows and columns are, in a sentence.
        fixed_tail: labels at the end that keep their place.
        hide_right: whether leaving out the right answers can be chosen.
    """
    size = len(confusion.rows)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        shares = st.segmented_control(
            "Colour", list(_SHARES), format_func=_SHARES.__getitem__, default="counts", required=True, key=f"shares-{key}"
        )
        order = st.segmented_control(
            "Order", list(_ORDERS), format_func=_ORDERS.__getitem__, default="confused", required=True, key=f"order-{key}"
        )
        most = _how_many(size, key) if size > 12 else size
        errors_only = hide_right and st.toggle(
            "Errors only", key=f"errors-{key}", help="Leave out the right answers, so that the errors use the whole scale"
        )
    st.caption(f"{note} Click on a filled cell to read the examples behind it; drag to zoom, double-click to see all again.")
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
    """Pairs of labels; their share of the gold label only where the matrix holds its right answers, too."""
    pairs = confusion.pairs()
    st.markdown("**Most confused**")
    if not pairs:
        st.caption("Nothing was confused on this split.")
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
                "Of gold", format="%.0f%%", width="small", help="Share of the gold label's examples"
            ),
        },
        alt="Pairs of labels most often confused",
    )


def confusion_of(raw: Mapping[str, Any], *, last_row: str = "", last_column: str = "") -> ConfusionView:
    """The matrix of a result; for entities the last row and column are named for what they mean."""
    names = tuple(str(label) for label in raw["labels"])
    rows = (*names[:-1], last_row) if last_row else names
    columns = (*names[:-1], last_column) if last_column else names
    return ConfusionView(rows=rows, columns=columns, counts=np.array(raw["counts"], dtype=int).reshape(len(names), len(names)))


def selected_points(key: str) -> list[list[Any]]:
    """``customdata`` of the points selected in a chart; empty after a click that unselects."""
    found = []
    for point in st.session_state[key]["selection"]["points"]:
        data = point.get("customdata")
        if isinstance(data, Mapping):  # depending on its source, Plotly hands a row back as {"0": …, "1": …}
            data = [data[place] for place in sorted(data, key=int)]
        if data:
            found.append(list(data))
    return found[:1]
