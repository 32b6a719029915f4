"""Results of single-label classification: every text has exactly one label."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts.decisions import probabilities_figure
from dashboard.results import parts
from dashboard.results.examples import browse, show_examples_asked_for
from dashboard.results.view import Focus, SplitView
from dashboard.shared import formats, widgets

_COLUMNS = {
    "text": st.column_config.TextColumn("Text", width="large"),
    "gold": st.column_config.TextColumn("Gold"),
    "predicted": st.column_config.TextColumn("Predicted"),
    "confidence": parts.confidence_column(),
}


def preview(examples: pd.DataFrame) -> pd.DataFrame:
    return examples[["record", "text", "label"]]


def label_table(scores: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(scores["labels"], columns=["label", "precision", "recall", "f1", "support"])


def kept_predictions(rows: pd.DataFrame) -> pd.DataFrame:
    return with_confidence(rows)[["id", "record", "text", "gold", "predicted", "confidence"]]


def draw_scores(view: SplitView) -> None:
    scores, labels = view.scores, [str(label) for label in view.scores["confusion"]["labels"]]
    rows = with_confidence(view.rows)
    right = round(scores["accuracy"] * scores["num_examples"])
    figures, averages = st.columns([4, 5], gap="large")
    with figures:
        widgets.facts(
            {
                "Accuracy": formats.score(scores["accuracy"]),
                "Macro F1": formats.score(scores["macro"]["f1"]),
                "Loss": formats.score(scores["loss"]),
            }
        )
        st.caption(
            f"{formats.count(right)} of {formats.count(scores['num_examples'])} {view.split} examples are classified correctly. "
            + parts.interval_sentence(scores["accuracy_interval"], scores["num_examples"], "accuracy")
        )
    with averages:
        parts.averages_table(scores, key=view.key)

    by_label, confusions, examples = st.tabs(
        ["Labels", "Confusion matrix", "Examples"], key=f"tabs-{view.key}", on_change="rerun"
    )
    if by_label.open:
        with by_label:
            parts.labels_section(label_table(scores), key=view.key)
    if confusions.open:
        with confusions:
            parts.confusion_section(
                parts.confusion_of(scores["confusion"]),
                key=view.key,
                note="Rows are gold labels, columns are predicted labels.",
            )
    if examples.open:
        with examples:
            browse(_all_groups(rows), _COLUMNS, lambda row: _draw_one(row, labels), key=view.key)
    show_examples_asked_for(lambda focus: _behind(rows, focus), _COLUMNS, lambda row: _draw_one(row, labels))


def with_confidence(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the probability of the predicted label, most confident first."""
    confidence = [float(np.max(probabilities)) if len(probabilities) else 0.0 for probabilities in rows["probabilities"]]
    return rows.assign(confidence=confidence).sort_values("confidence", ascending=False, kind="stable").reset_index(drop=True)


def _all_groups(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    wrong = rows["gold"] != rows["predicted"]
    return {"Errors, most confident first": rows[wrong], "Correct, least confident first": rows[~wrong].iloc[::-1], "All": rows}


def _behind(rows: pd.DataFrame, focus: Focus) -> dict[str, pd.DataFrame]:
    if not focus.label:
        return {"Examples": rows[(rows["gold"] == focus.gold) & (rows["predicted"] == focus.predicted)]}
    gold, predicted = rows["gold"] == focus.label, rows["predicted"] == focus.label
    return {
        "False negatives": rows[gold & ~predicted],
        "False positives": rows[~gold & predicted],
        "True positives": rows[gold & predicted].iloc[::-1],
    }


def _draw_one(row: pd.Series, labels: Sequence[str]) -> None:
    st.text(str(row["text"]))
    st.text(f"Gold: {row['gold']}\nPredicted: {row['predicted']}")
    probabilities = dict(zip(labels, map(float, row["probabilities"]), strict=False))
    widgets.chart(
        probabilities_figure(probabilities, [str(row["predicted"])], most=6), key="example-probabilities", alt="Probabilities"
    )


def draw_predictions(texts: Sequence[str], predictions: Sequence[Mapping[str, Any]], key: str) -> None:
    table = new_predictions(texts, predictions)[["text", "label", "probability"]]
    picked = st.dataframe(
        table,
        hide_index=True,
        key=f"predictions-{key}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "text": st.column_config.TextColumn("Text", width="large"),
            "label": st.column_config.TextColumn("Label"),
            "probability": parts.confidence_column("Probability"),
        },
        alt="Predicted labels",
    )["selection"]["rows"]
    place = picked[0] if picked and picked[0] < len(texts) else 0
    if len(texts) > 1:
        st.caption("Select a row to see the probabilities of its text.")
    with st.container(border=True):
        st.text(texts[place])
        chosen = predictions[place]
        widgets.chart(
            probabilities_figure(chosen["probabilities"], [chosen["label"]]), key=f"bars-{key}", alt="Probabilities of one text"
        )


def new_predictions(texts: Sequence[str], predictions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "text": text,
                "label": one["label"],
                "probability": one["probability"],
                **{f"p({name})": p for name, p in one["probabilities"].items()},
            }
            for text, one in zip(texts, predictions, strict=True)
        ]
    )
