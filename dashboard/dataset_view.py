"""One data set, opened: what it holds, how it was made, and what was learned from it."""

import pandas as pd
import streamlit as st

from core.datasets.dataset import Dataset
from core.runs.records import DatasetRecord
from core.tasks import SPLITS, get_task
from dashboard import formats, state, widgets
from dashboard.charts.labels import label_counts_figure, text_lengths_figure
from dashboard.dataset_list import delete_dialog, rename_dialog
from dashboard.escaping import markdown_text
from dashboard.repairing import draw_repairs
from dashboard.repairing_labels import draw_correction
from dashboard.results import screens_of
from dashboard.versions import draw_versions
from dashboard.versions_export import draw_export

_MOST_ROWS = 5000


def draw_dataset(record: DatasetRecord) -> None:
    """The page of one data set."""
    state.show_flash()
    if st.button("All data sets", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["dataset"]
        st.rerun()
    dataset = state.workspace().dataset(record.id)
    st.title(markdown_text(record.name, longest=80), anchor=False)
    st.caption(
        f"{get_task(record.task).title} · made {formats.ago(record.created_at)} · {_splitting_in_words(dataset)} · "
        f"content hash {dataset.content_hash[:12]}"
    )
    _draw_actions(record, dataset)
    widgets.facts(
        {
            "Examples": formats.count(record.num_examples),
            "Labels": formats.count(record.num_labels),
            **{split.capitalize(): formats.count(dataset.num_examples.get(split, 0)) for split in SPLITS},
        }
    )
    names = ["Rows", "Labels", "Text lengths", "Repair", "Correct", "Versions", "Origin"]
    rows, labels, lengths, repair, correct, versions, origin = st.tabs(names, key="dataset-tabs", on_change="rerun")
    if rows.open:
        with rows:
            _draw_rows(dataset)
    if labels.open:
        with labels:
            widgets.chart(label_counts_figure(dataset.label_counts), key="dataset-labels", alt="Examples of each label")
    if lengths.open:
        with lengths:
            draw_lengths(state.examples_of(dataset)["text"], key="dataset")
    if repair.open:
        with repair:
            draw_repairs(record, dataset)
    if correct.open:
        with correct:
            draw_correction(record, dataset)
    if versions.open:
        with versions:
            draw_versions(record, dataset)
    if origin.open:
        with origin:
            _draw_origin(dataset)


def _draw_actions(record: DatasetRecord, dataset: Dataset) -> None:
    with st.container(horizontal=True, gap="small"):
        if st.button("Train on it", type="primary", icon=":material/tune:"):
            state.go_to(state.TRAIN_PAGE, dataset=record.id)
        draw_export(record, dataset, key="page")
        if st.button("Rename", icon=":material/edit:"):
            rename_dialog(record)
        if st.button("Delete", icon=":material/delete:"):
            delete_dialog(record)


def _draw_rows(dataset: Dataset) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        split = st.segmented_control(
            "Split", [*SPLITS], default="train", required=True, format_func=str.capitalize, key="dataset-split"
        )
        words = st.text_input("Search", key="dataset-search", placeholder="Words in a row", icon=":material/search:", width=300)
    rows = screens_of(dataset.task).preview(state.examples_of(dataset, str(split)))
    if words and words.strip():
        wanted = words.casefold().split()
        found = rows.astype(str).agg(" ".join, axis=1).str.casefold()
        rows = rows[found.map(lambda row: all(word in row for word in wanted))]
    st.caption(
        formats.plural(len(rows), "row") + (f", the first {formats.count(_MOST_ROWS)} shown" if len(rows) > _MOST_ROWS else "")
    )
    draw_rows_table(rows.head(_MOST_ROWS), key=f"dataset-rows-{split}")


def draw_rows_table(rows: pd.DataFrame, *, key: str, text_width: int = 560) -> None:
    """Rows as a task shows them; texts as text."""
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


def draw_lengths(texts: pd.Series, *, key: str) -> None:
    """How long the texts are, drawn and in words."""
    lengths = texts.map(lambda text: len(text.split())).astype(int)
    if lengths.empty:
        return
    st.caption(
        f"Half of the texts have at most {formats.plural(int(lengths.median()), 'word')}, 95 % at most "
        f"{formats.count(int(lengths.quantile(0.95)))}; the longest has {formats.count(int(lengths.max()))}."
    )
    widgets.chart(text_lengths_figure(lengths.tolist()), key=f"lengths-{key}", alt="How many texts have how many words")


def _draw_origin(dataset: Dataset) -> None:
    for note in dataset.notes:
        st.text(f"• {note}", width="stretch")
    st.caption("How it was read and split, as kept with the data set")
    st.json(
        {
            "source": dataset.source,
            "splitting": dataset.splitting,
            "content_hash": dataset.content_hash,
            "test_hash": dataset.test_hash,
        }
    )


def _splitting_in_words(dataset: Dataset) -> str:
    method = str(dataset.splitting.get("method", ""))
    seed = dataset.splitting.get("seed")
    return (
        f"split {method.replace('_', ' ')}" + (f", seed {seed}" if seed is not None else "") if method else "split as in the file"
    )
