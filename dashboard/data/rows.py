"""The rows of a data set, filtered by split, label and words."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.datasets.dataset import Dataset
from core.tasks import SPLITS, get_task
from dashboard.results import screens_of
from dashboard.shared import formats, state

_MOST_ROWS = 5000


def draw_rows(dataset: Dataset) -> None:
    """The rows with filters for split, label and words."""
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        split = st.segmented_control(
            "Split", [*SPLITS], default="train", required=True, format_func=str.capitalize, key="dataset-split"
        )
        counts = dataset.label_counts.get(str(split), {})
        label = st.selectbox(
            "Label",
            [None, *counts],
            format_func=lambda name: "Any" if name is None else f"{name} ({formats.count(counts[name])})",
            key=f"dataset-label-{split}",
            width=240,
        )
        words = st.text_input("Search", key="dataset-search", placeholder="Words in a row", icon=":material/search:", width=260)
    examples = state.examples_of(dataset, str(split))
    if label is not None:
        examples = examples[[label in labels for labels in get_task(dataset.task).row_labels(examples)]]
    preview = screens_of(dataset.task).preview
    if words and words.strip():
        rows = holding(preview(examples), words.split())
        number = len(rows)
    else:
        rows, number = preview(examples.head(_MOST_ROWS)), len(examples)
    st.caption(formats.plural(number, "row") + (f", the first {formats.count(_MOST_ROWS)} shown" if number > _MOST_ROWS else ""))
    draw_rows_table(rows.head(_MOST_ROWS), key=f"dataset-rows-{split}")


def holding(rows: pd.DataFrame, words: Sequence[str]) -> pd.DataFrame:
    """Rows that contain all the words, case-insensitively."""
    if not words or rows.empty:
        return rows
    wanted = [word.casefold() for word in words]
    columns = [rows[name].tolist() for name in rows.columns]
    found = (" ".join(map(str, cells)).casefold() for cells in zip(*columns, strict=True))
    return rows[[all(word in row for word in wanted) for row in found]]


def draw_rows_table(rows: pd.DataFrame, *, key: str, text_width: int = 560) -> None:
    """A table of rows in the form that the task shows them."""
    config = {
        "record": st.column_config.NumberColumn("Record", width=70),
        "split": st.column_config.TextColumn("Split", width=85),
        "text": st.column_config.TextColumn("Text", width=text_width),
        "label": st.column_config.TextColumn("Label"),
        "labels": st.column_config.ListColumn("Labels"),
        "entities": st.column_config.TextColumn("Text with entities", width=text_width),
        "words": st.column_config.NumberColumn("Words", width=70),
    }
    st.dataframe(rows, hide_index=True, key=key, height=420, column_config=config, alt="Rows of the data set")
