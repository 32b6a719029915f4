"""The page of one data set: its rows, checks, repairs and versions, and how it was imported."""

import streamlit as st

from core.datasets.dataset import SET_ASIDE_FILE, Dataset
from core.datasets.importing.import_summary import account_of
from core.runs.store.records import DatasetRecord
from core.tasks import SPLITS, get_task
from dashboard.data.checks.findings import draw_findings
from dashboard.data.dataset_list import delete_dialog, rename_dialog
from dashboard.data.export import draw_export
from dashboard.data.importing.import_summary import draw_account
from dashboard.data.label_counts import draw_labels
from dashboard.data.repairs.label_editor import draw_correction
from dashboard.data.repairs.repair_page import draw_repairs
from dashboard.data.rows import draw_rows
from dashboard.data.text_lengths import draw_lengths_of_dataset
from dashboard.data.versions import draw_versions
from dashboard.shared import formats, state, widgets
from dashboard.shared.downloads import FORMULA_NOTE, csv_bytes
from dashboard.shared.escaping import markdown_text


def draw_dataset(record: DatasetRecord) -> None:
    """The page of one data set."""
    state.show_flash()
    if st.button("All data sets", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["dataset"]
        st.rerun()
    dataset = state.workspace().dataset(record.id)
    st.title(markdown_text(record.name, longest=80), anchor=False)
    st.caption(
        f"{get_task(record.task).title} · created {formats.ago(record.created_at)} · {_splitting_in_words(dataset)} · "
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
    names = ["Checks", "Rows", "Labels", "Text lengths", "Repair", "Correct labels", "Versions", "Import details"]
    checks, rows, labels, lengths, repair, correct, versions, details = st.tabs(names, key="dataset-tabs", on_change="rerun")
    if checks.open:
        with checks:
            draw_findings(dataset)
    if rows.open:
        with rows:
            draw_rows(dataset)
    if labels.open:
        with labels:
            draw_labels(dataset)
    if lengths.open:
        with lengths:
            draw_lengths_of_dataset(dataset)
    if repair.open:
        with repair:
            draw_repairs(record, dataset)
    if correct.open:
        with correct:
            draw_correction(record, dataset)
    if versions.open:
        with versions:
            draw_versions(record, dataset)
    if details.open:
        with details:
            _draw_import_details(dataset)


def _draw_actions(record: DatasetRecord, dataset: Dataset) -> None:
    with st.container(horizontal=True, gap="small"):
        if st.button("Train a model", type="primary", icon=":material/tune:"):
            state.go_to(state.TRAIN_PAGE, dataset=record.id)
        draw_export(record, dataset, key="page")
        if st.button("Rename", icon=":material/edit:"):
            rename_dialog(record)
        if st.button("Delete", icon=":material/delete:"):
            delete_dialog(record)


def _draw_import_details(dataset: Dataset) -> None:
    for note in dataset.notes:
        st.text(f"• {note}", width="stretch")
    _draw_skipped(dataset)
    st.caption("How the file was read and split, as stored with the data set")
    st.json(
        {
            "source": dataset.source,
            "splitting": dataset.splitting,
            "content_hash": dataset.content_hash,
            "test_hash": dataset.test_hash,
        },
        expanded=2,
    )


def _draw_skipped(dataset: Dataset) -> None:
    """The import summary, with the skipped records as a download."""
    account = account_of(dataset.source)
    if not account.num_records:
        return
    draw_account(account, key="dataset-account")
    if not (dataset.folder / SET_ASIDE_FILE).is_file():
        return
    st.download_button(
        "Download skipped records (CSV)",
        lambda: csv_bytes(dataset.set_aside()),
        file_name="set-aside.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help=FORMULA_NOTE,
        key="dataset-set-aside",
    )


def _splitting_in_words(dataset: Dataset) -> str:
    """How the rows were split into train, validation and test, as markdown."""
    method, seed = str(dataset.splitting.get("method", "")), dataset.splitting.get("seed")
    column = markdown_text(str(dataset.splitting.get("column", "")), longest=40)
    ways = {
        "column": f"split from column {column}",
        "group": f"split by group, column {column}",
        "time": f"split by time, column {column}",
        "files": "split from separate files",
    }
    way = ways.get(method, f"split {method.replace('_', ' ')}" if method else "split as in the file")
    return way + (f", seed {seed}" if seed is not None else "")
