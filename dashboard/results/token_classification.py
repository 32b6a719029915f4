"""Results of named entity recognition: gold and predicted entities side by side in the text, always escaped."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.entities import EntitySpan, match_spans, spans_of
from dashboard.charts.base import GREEN, GREY, ORANGE, ROSE, VIOLET
from dashboard.charts.decisions import bars_figure
from dashboard.results import parts
from dashboard.results.examples import browse, show_examples_asked_for
from dashboard.results.view import Focus, SplitView
from dashboard.shared import formats, widgets
from dashboard.shared.escaping import markdown_piece

_MOST_TEXTS_SHOWN = 50
_COLOURS = ("blue", "orange", "violet", "green", "red", "yellow")
MISSED, SPURIOUS = "(missed)", "(spurious)"

_COLUMNS = {
    "gold_text": st.column_config.TextColumn("Gold", width=330),
    "predicted_text": st.column_config.TextColumn("Predicted", width=330),
    "errors": st.column_config.NumberColumn("Errors", width="small", help="Number of wrong, missed or spurious entities"),
    "confidence": parts.confidence_column(),
}
_ERRORS = {
    "correct": ("Correct", GREEN),
    "boundary": ("Boundary error", ORANGE),
    "type": ("Type error", VIOLET),
    "missed": ("Missed", GREY),
    "spurious": ("Spurious", ROSE),
}


def marked(text: str, entities: Sequence[tuple[int, int, str]]) -> str:
    """The text with each entity in brackets with its type: ``[Ada Lovelace · PER] wrote``.

    Args:
        entities: start, end and type of each, in order and without overlaps.
    """
    parts_of_text, position = [], 0
    for start, end, kind in entities:
        parts_of_text += [text[position:start], f"[{text[start:end]} · {kind}]"]
        position = end
    return "".join([*parts_of_text, text[position:]])


def highlighted(text: str, entities: Sequence[tuple[int, int, str]], types: Sequence[str]) -> str:
    """Markdown of the text with each entity on a coloured background, followed by its type. Every piece of text is escaped.

    Args:
        types: all types, so that a type has the same colour in every text.
    """
    pieces, position = [], 0
    for start, end, kind in entities:
        colour = _COLOURS[types.index(kind) % len(_COLOURS)] if kind in types else "gray"
        entity = f":{colour}-background[{markdown_piece(text[start:end])} :small[{markdown_piece(kind)}]]"
        pieces += [markdown_piece(text[position:start]), entity]
        position = end
    return "".join([*pieces, markdown_piece(text[position:])])


def preview(examples: pd.DataFrame) -> pd.DataFrame:
    rows = examples[["record", "text"]].copy()
    rows["entities"] = [_marked_tags(*row) for row in examples[["text", "starts", "ends", "tags"]].itertuples(index=False)]
    rows["words"] = examples["tags"].map(len)
    return rows[["record", "entities", "words"]]


def label_table(scores: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(scores["entities"]["labels"], columns=["label", "precision", "recall", "f1", "support"])


def kept_predictions(rows: pd.DataFrame) -> pd.DataFrame:
    words = [
        [text[start:end] for start, end in zip(starts, ends, strict=True)]
        for text, starts, ends in zip(rows["text"], rows["starts"], rows["ends"], strict=True)
    ]
    return rows.assign(words=pd.Series(words, index=rows.index, dtype=object))[
        ["id", "record", "text", "words", "gold", "predicted", "probabilities"]
    ].rename(columns={"probabilities": "confidence"})


def draw_scores(view: SplitView) -> None:
    scores = view.scores
    entities, tokens = scores["entities"], scores["tokens"]
    rows = _with_matches(view.rows)
    figures, averages = st.columns([4, 5], gap="large")
    with figures:
        widgets.facts(
            {
                "Entity F1": formats.score(entities["micro"]["f1"]),
                "Precision": formats.score(entities["micro"]["precision"]),
                "Recall": formats.score(entities["micro"]["recall"]),
                "Macro F1": formats.score(entities["macro"]["f1"]),
            }
        )
        gold = sum(int(row["support"]) for row in entities["labels"])
        found = int(scores["errors"]["correct"])
        st.caption(
            f"{formats.count(found)} of {formats.count(gold)} entities in {formats.plural(scores['num_examples'], 'text')} "
            "were found with exactly the right span and type. "
            + parts.wilson_sentence(found, gold, "recall", "entity", "entities")
        )
    with averages:
        parts.averages_table(entities, key=view.key)

    types = [str(row["label"]) for row in entities["labels"]]

    def draw_one(row: pd.Series) -> None:
        _draw_one(row, types)

    names = ["Types", "Confusion matrix", "Errors", "Token scores", "Examples"]
    by_label, confusions, errors, by_tag, examples = st.tabs(names, key=f"tabs-{view.key}", on_change="rerun")
    if by_label.open:
        with by_label:
            parts.labels_section(label_table(scores), key=view.key)
    if confusions.open:
        with confusions:
            parts.confusion_section(
                parts.confusion_of(scores["confusion"], last_row=SPURIOUS, last_column=MISSED),
                key=view.key,
                note="Rows are gold types, columns are predicted types. An entity with a boundary error counts by its type here.",
                fixed_tail=1,
            )
    if errors.open:
        with errors:
            _draw_errors(scores["errors"], view.key)
    if by_tag.open:
        with by_tag:
            _draw_tokens(tokens, view.key)
    if examples.open:
        with examples:
            browse(_all_groups(rows), _COLUMNS, draw_one, key=view.key)
    show_examples_asked_for(lambda focus: _behind(rows, focus), _COLUMNS, draw_one)


def _draw_errors(errors: Mapping[str, int], key: str) -> None:
    figure = bars_figure(
        {title: float(errors[name]) for name, (title, _) in _ERRORS.items()},
        name="errors",
        x_title="Entities",
        colours=[colour for _, colour in _ERRORS.values()],
    )
    widgets.chart(figure, key=f"errors-{key}", alt="Entities by kind of error")
    st.caption(
        "Boundary error: right type, wrong start or end. Type error: wrong type. Missed: a gold entity without an overlapping "
        "prediction. Spurious: a predicted entity without an overlapping gold entity."
    )


def _draw_tokens(tokens: Mapping[str, Any], key: str) -> None:
    st.caption(f"Token-level scores by tag. Token accuracy, including the O tag: {formats.score(tokens['accuracy'])}.")
    left, right = st.columns(2, gap="medium")
    with left:
        parts.averages_table(tokens, key=f"tokens-{key}")
    with right:
        st.dataframe(
            pd.DataFrame(tokens["labels"], columns=["label", "precision", "recall", "f1", "support"]),
            hide_index=True,
            key=f"tags-{key}",
            column_config={
                "label": "Tag",
                "precision": parts.score_column("Precision"),
                "recall": parts.score_column("Recall"),
                "f1": parts.score_column("F1"),
                "support": "Support",
            },
            alt="Scores of each tag",
        )


def _marked_tags(text: str, starts: Sequence[int], ends: Sequence[int], tags: Sequence[str]) -> str:
    return marked(text, _spans_of_tags(starts, ends, tags))


def _spans_of_tags(starts: Sequence[int], ends: Sequence[int], tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Start, end and type of each entity, in characters."""
    return [(int(starts[span.start]), int(ends[span.end - 1]), span.type) for span in spans_of(list(tags))]


def _with_matches(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with marked texts, paired gold and predicted entities, number of errors, and the highest confidence of an error."""
    matched, gold_texts, predicted_texts, errors, confidences = [], [], [], [], []
    fields = rows[["text", "starts", "ends", "gold", "predicted", "probabilities"]]
    for text, starts, ends, gold, predicted, probabilities in fields.itertuples(index=False):
        pairs = match_spans(spans_of(list(gold)), spans_of(list(predicted)))
        wrong = [pair for pair in pairs if pair[0] != pair[1]]
        matched.append(pairs)
        gold_texts.append(_marked_tags(text, starts, ends, gold))
        predicted_texts.append(_marked_tags(text, starts, ends, predicted))
        errors.append(len(wrong))
        confidences.append(max((_confidence(pair, probabilities) for pair in wrong), default=None))
    return rows.assign(
        pairs=pd.Series(matched, index=rows.index, dtype=object),
        gold_text=gold_texts,
        predicted_text=predicted_texts,
        errors=errors,
        confidence=pd.Series(confidences, index=rows.index, dtype=float),
    )


def _confidence(pair: tuple[EntitySpan | None, EntitySpan | None], probabilities: Sequence[float]) -> float:
    """Mean confidence over the words of the predicted entity, or of the missed one."""
    span = pair[1] or pair[0]
    if span is None:
        return 0.0
    values = [float(value) for value in probabilities[span.start : span.end]]
    return sum(values) / max(1, len(values))


def _all_groups(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    wrong = rows["errors"] > 0
    return {
        "With errors, most confident first": rows[wrong].sort_values("confidence", ascending=False, kind="stable"),
        "Correct": rows[~wrong],
        "All": rows,
    }


def _behind(rows: pd.DataFrame, focus: Focus) -> dict[str, pd.DataFrame]:
    if not focus.label:
        wanted = (None if focus.gold == SPURIOUS else focus.gold, None if focus.predicted == MISSED else focus.predicted)
        return {"Examples": _where(rows, lambda gold, predicted: (gold and gold.type, predicted and predicted.type) == wanted)}
    label = focus.label
    return {
        "False negatives": _where(rows, lambda gold, predicted: gold is not None and gold.type == label and gold != predicted),
        "False positives": _where(
            rows, lambda gold, predicted: predicted is not None and predicted.type == label and gold != predicted
        ),
        "True positives": _where(rows, lambda gold, predicted: gold is not None and gold.type == label and gold == predicted),
    }


def _where(rows: pd.DataFrame, holds: Any) -> pd.DataFrame:
    """Rows with a pair for which ``holds(gold, predicted)`` is true, most confident pair first."""
    confidences = [
        max((_confidence(pair, probabilities) for pair in pairs if holds(*pair)), default=-1.0)
        for pairs, probabilities in zip(rows["pairs"], rows["probabilities"], strict=True)
    ]
    chosen = rows.assign(confidence=confidences)
    return chosen[chosen["confidence"] >= 0].sort_values("confidence", ascending=False, kind="stable")


def _draw_one(row: pd.Series, types: Sequence[str]) -> None:
    for column, title, tags in zip(
        st.columns(2, gap="medium"), ("Gold", "Predicted"), (row["gold"], row["predicted"]), strict=True
    ):
        with column:
            st.caption(title)
            st.markdown(highlighted(str(row["text"]), _spans_of_tags(row["starts"], row["ends"], tags), types))


def draw_predictions(texts: Sequence[str], predictions: Sequence[Mapping[str, Any]], key: str) -> None:
    types = sorted({entity["type"] for one in predictions for entity in one["entities"]})
    with st.container(border=True):
        for text, one in list(zip(texts, predictions, strict=True))[:_MOST_TEXTS_SHOWN]:
            st.markdown(highlighted(text, _spans(one), types))
    if len(texts) > _MOST_TEXTS_SHOWN:
        st.caption(f"Showing the first {_MOST_TEXTS_SHOWN} texts; the table and the downloads have all.")
    table = new_predictions(texts, predictions)
    if table.empty:
        st.info("No entity was found in these texts.", icon=":material/search_off:")
        return
    st.markdown("**Entities found**")
    st.dataframe(
        table[["entity", "type", "confidence", "start", "end", "text_number"]],
        hide_index=True,
        key=f"entities-{key}",
        column_config={
            "entity": st.column_config.TextColumn("Entity", width="medium"),
            "type": "Type",
            "confidence": parts.confidence_column(),
            "start": st.column_config.NumberColumn("Start", help="Position of the first character, counted from 0"),
            "end": st.column_config.NumberColumn("End", help="Position after the last character"),
            "text_number": st.column_config.NumberColumn("Text", help="Number of the text, counted from 1"),
        },
        alt="Entities found",
    )


def new_predictions(texts: Sequence[str], predictions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        {
            "text_number": number,
            "entity": entity["text"],
            "type": entity["type"],
            "confidence": entity["confidence"],
            "start": entity["start"],
            "end": entity["end"],
            "text": text,
        }
        for number, (text, one) in enumerate(zip(texts, predictions, strict=True), start=1)
        for entity in one["entities"]
    ]
    return pd.DataFrame(rows, columns=["text_number", "entity", "type", "confidence", "start", "end", "text"])


def _spans(prediction: Mapping[str, Any]) -> list[tuple[int, int, str]]:
    return [(entity["start"], entity["end"], entity["type"]) for entity in prediction["entities"]]
