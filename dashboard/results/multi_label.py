"""Results of multi-label classification: a text may have several labels, or none."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts.decisions import probabilities_figure, threshold_figure
from dashboard.results import parts
from dashboard.results.examples import browse, show_examples_asked_for
from dashboard.results.view import Focus, SplitView
from dashboard.shared import formats, widgets

_COLUMNS = {
    "text": st.column_config.TextColumn("Text", width="large"),
    "gold": st.column_config.ListColumn("Gold"),
    "predicted": st.column_config.ListColumn("Predicted"),
    "confidence": parts.confidence_column(),
}
_COUNTS = {
    "true_positive": ("True positives", "Texts that have the label, and it was predicted"),
    "false_positive": ("False positives", "Texts that do not have the label, but it was predicted"),
    "false_negative": ("False negatives", "Texts that have the label, but it was not predicted"),
    "true_negative": ("True negatives", "Texts that do not have the label, and it was not predicted"),
}
_LABEL_COLUMNS = {
    "average_precision": parts.score_column(
        "AP", "Average precision over all thresholds: how well texts with the label are ranked above the others"
    ),
    "threshold": st.column_config.NumberColumn(
        "Threshold", format="%.2f", help="The label is predicted if its probability is at least this"
    ),
    **{name: st.column_config.NumberColumn(title, help=meaning) for name, (title, meaning) in _COUNTS.items()},
}


def preview(examples: pd.DataFrame) -> pd.DataFrame:
    return examples[["record", "text", "labels"]]


def label_table(scores: Mapping[str, Any]) -> pd.DataFrame:
    columns = ["label", "precision", "recall", "f1", "support", "average_precision", "threshold", *_COUNTS]
    return pd.DataFrame(scores["labels"], columns=columns)


def kept_predictions(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["id", "record", "text", "gold", "predicted"]]


def draw_scores(view: SplitView) -> None:
    scores, labels = view.scores, [str(row["label"]) for row in view.scores["labels"]]
    figures, averages = st.columns([4, 5], gap="large")
    with figures:
        widgets.facts(
            {
                "Macro F1": formats.score(scores["macro"]["f1"]),
                "Micro F1": formats.score(scores["micro"]["f1"]),
                "Exact match": formats.score(scores["exact_match"]),
                "Hamming loss": formats.score(scores["hamming_loss"]),
            }
        )
        exact = round(scores["exact_match"] * scores["num_examples"])
        st.caption(
            f"{formats.count(exact)} of {formats.count(scores['num_examples'])} {view.split} examples have exactly the right "
            "labels. " + parts.wilson_sentence(exact, scores["num_examples"], "exact match")
        )
    with averages:
        parts.averages_table(scores, key=view.key)

    def draw_one(row: pd.Series) -> None:
        _draw_one(row, scores["labels"])

    tabs = st.tabs(["Labels", "Confusion matrix", "Thresholds", "Examples"], key=f"tabs-{view.key}", on_change="rerun")
    by_label, confusions, thresholds, examples = tabs
    if by_label.open:
        with by_label:
            parts.labels_section(label_table(scores), key=view.key, column_config=_LABEL_COLUMNS)
    if confusions.open:
        with confusions:
            parts.confusion_section(
                parts.confusion_of(scores["confusion"]),
                key=view.key,
                note="Rows are missed gold labels (false negatives), columns are wrong labels predicted for the same texts.",
                hide_right=False,
            )
    if thresholds.open:
        with thresholds:
            _draw_thresholds(view)
    if examples.open:
        with examples:
            browse(_all_groups(view.rows, labels), _COLUMNS, draw_one, key=view.key)
    show_examples_asked_for(lambda focus: _behind(view.rows, labels, focus), _COLUMNS, draw_one)


def _draw_thresholds(view: SplitView) -> None:
    scores = view.scores
    thresholds = {str(row["label"]): float(row["threshold"]) for row in scores["labels"]}
    everything = "All labels (micro average)"
    chosen = st.selectbox("Label", [everything, *thresholds], key=f"threshold-label-{view.key}", width=360)
    curves = scores["curve"] if chosen == everything else scores["label_curves"][chosen]
    figure = threshold_figure(scores["curve"]["thresholds"], curves, chosen=thresholds.get(chosen))
    widgets.chart(figure, key=f"thresholds-{view.key}", alt="Precision and recall against the threshold")
    dotted = " (dotted line)" if chosen in thresholds else ""
    st.caption(
        f"A label is predicted if its probability reaches its threshold{dotted}. A lower threshold gives higher recall and lower "
        "precision. Thresholds are chosen on validation, never on test."
    )


def _certainty(rows: pd.DataFrame, labels: Sequence[str], label: str) -> pd.Series:
    """Predicted probability of ``label`` on each row."""
    place = list(labels).index(label)
    return pd.Series([float(probabilities[place]) for probabilities in rows["probabilities"]], index=rows.index, dtype=float)


def _all_groups(rows: pd.DataFrame, labels: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Rows grouped by whether the whole set of labels is correct; confidence of an error is that of its worst decision."""
    ids = {label: i for i, label in enumerate(labels)}
    worst = []
    for gold, predicted, probabilities in zip(rows["gold"], rows["predicted"], rows["probabilities"], strict=True):
        missed = [1 - float(probabilities[ids[label]]) for label in set(gold) - set(predicted) if label in ids]
        given = [float(probabilities[ids[label]]) for label in set(predicted) - set(gold) if label in ids]
        worst.append(max([*missed, *given], default=-1.0))
    ranked = rows.assign(confidence=worst).sort_values("confidence", ascending=False, kind="stable").reset_index(drop=True)
    wrong = ranked["confidence"] >= 0
    hidden = ranked.assign(confidence=None)
    return {"Errors, most confident first": ranked[wrong], "Correct": hidden[~wrong], "All": hidden.sort_values("id")}


def _behind(rows: pd.DataFrame, labels: Sequence[str], focus: Focus) -> dict[str, pd.DataFrame]:
    label = focus.label or focus.predicted
    rows = rows.assign(confidence=_certainty(rows, labels, label)).sort_values("confidence", ascending=False, kind="stable")
    gold, predicted = rows["gold"].map(lambda names: label in names), rows["predicted"].map(lambda names: label in names)
    if focus.label:
        missed = rows[gold & ~predicted]
        return {
            "False negatives": missed.assign(confidence=1 - missed["confidence"]).iloc[::-1],
            "False positives": rows[~gold & predicted],
            "True positives": rows[gold & predicted].iloc[::-1],
        }
    was_missed = rows["gold"].map(lambda names: focus.gold in names) & ~rows["predicted"].map(lambda names: focus.gold in names)
    return {"Examples": rows[was_missed & predicted & ~gold]}


def _draw_one(row: pd.Series, label_scores: Sequence[Mapping[str, Any]]) -> None:
    st.text(str(row["text"]))
    st.text(f"Gold: {_in_words(row['gold'])}\nPredicted: {_in_words(row['predicted'])}")
    names = [str(scores["label"]) for scores in label_scores]
    widgets.chart(
        probabilities_figure(
            dict(zip(names, map(float, row["probabilities"]), strict=False)),
            list(row["predicted"]),
            thresholds={str(scores["label"]): float(scores["threshold"]) for scores in label_scores},
            most=8,
        ),
        key="example-probabilities",
        alt="Probabilities and thresholds",
    )


def _in_words(labels: Sequence[str]) -> str:
    return ", ".join(labels) if len(labels) else "no label"


def draw_predictions(texts: Sequence[str], predictions: Sequence[Mapping[str, Any]], key: str) -> None:
    picked = st.dataframe(
        pd.DataFrame({"text": list(texts), "labels": [list(one["labels"]) for one in predictions]}),
        hide_index=True,
        key=f"predictions-{key}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "text": st.column_config.TextColumn("Text", width="large"),
            "labels": st.column_config.ListColumn("Labels"),
        },
        alt="Predicted labels",
    )["selection"]["rows"]
    place = picked[0] if picked and picked[0] < len(texts) else 0
    if len(texts) > 1:
        st.caption("Select a row to see the probabilities of its text.")
    with st.container(border=True):
        st.text(texts[place])
        chosen = predictions[place]
        figure = probabilities_figure(chosen["probabilities"], chosen["labels"], thresholds=chosen["thresholds"])
        widgets.chart(figure, key=f"bars-{key}", alt="Probabilities and thresholds of one text")
        no_label = "" if chosen["labels"] else "No label reaches its threshold, so none is predicted. "
        st.caption(f"{no_label}Vertical lines mark the thresholds.")


def new_predictions(texts: Sequence[str], predictions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"text": text, "labels": list(one["labels"]), **{f"p({name})": p for name, p in one["probabilities"].items()}}
            for text, one in zip(texts, predictions, strict=True)
        ]
    )
