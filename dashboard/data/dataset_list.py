"""The table of data sets, and the dialogs that rename and delete one."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.runs.store.records import DatasetRecord
from core.tasks import get_task
from dashboard.shared import formats, state, widgets


def draw_list(records: Sequence[DatasetRecord]) -> None:
    """All data sets, and the actions for the selected one."""
    num_runs = state.workspace().lists.num_of_datasets()
    families = _families(records)
    everything = len(records)
    if len(families) < everything:
        with st.container(horizontal=True, horizontal_alignment="right"):
            older = everything - len(families)
            if not st.toggle(f"Show {formats.plural(older, 'earlier version')}", key="datasets-all"):
                records = [family[0] for family in families]
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small", height=44, border=False)
    columns = ["name", "change", "task", "examples", "labels", "runs", "created"]
    if all(record.parent_id is None for record in records):
        columns.remove("change")
    picked = st.dataframe(
        pd.DataFrame(
            [
                {
                    "name": record.name,
                    "change": record.change or ("" if record.parent_id is None else "Version of another data set"),
                    "task": get_task(record.task).title,
                    "examples": record.num_examples,
                    "labels": record.num_labels,
                    "runs": num_runs.get(record.id, 0),
                    "created": formats.aware(record.created_at).astimezone(),
                }
                for record in records
            ]
        ),
        hide_index=True,
        key=widgets.key_of_rows("datasets", [record.id for record in records]),
        on_select="rerun",
        selection_mode="single-row",
        height=min(37 + 35 * max(len(records), 2), 420),
        column_order=columns,
        column_config={
            "name": st.column_config.TextColumn("Data set", width="large"),
            "change": st.column_config.TextColumn(
                "Changes", width="medium", help="The repairs or corrections that made this version."
            ),
            "task": st.column_config.TextColumn("Task"),
            "examples": st.column_config.NumberColumn("Examples", format="localized"),
            "labels": st.column_config.NumberColumn("Labels"),
            "runs": st.column_config.NumberColumn("Runs"),
            "created": st.column_config.DatetimeColumn("Created", format="D MMM YYYY, HH:mm"),
        },
        alt="All data sets",
    )["selection"]["rows"]
    with bar:
        if picked and picked[0] < len(records):
            _draw_actions(records[picked[0]])
        else:
            st.caption("Select a data set at the left edge of its row to open, train on, rename or delete it.")


def _families(records: Sequence[DatasetRecord]) -> list[list[DatasetRecord]]:
    """Data sets grouped with their versions, newest version first; groups ordered by their newest version."""
    by_id = {record.id: record for record in records}
    families: dict[str, list[DatasetRecord]] = {}
    for record in records:
        root = record
        while root.parent_id in by_id:
            root = by_id[root.parent_id]
        families.setdefault(root.id, []).append(record)
    return list(families.values())


def _draw_actions(record: DatasetRecord) -> None:
    if st.button("Open", type="primary", icon=":material/folder_open:"):
        open_dataset_page(record.id)
    if st.button("Train a model", icon=":material/tune:"):
        state.go_to(state.TRAIN_PAGE, dataset=record.id)
    if st.button("Rename", icon=":material/edit:"):
        rename_dialog(record)
    if st.button("Delete", icon=":material/delete:"):
        delete_dialog(record)


def open_dataset_page(dataset_id: str) -> None:
    """Show one data set and put its id into the URL."""
    state.remember_id("dataset", dataset_id)
    st.query_params["dataset"] = dataset_id
    st.rerun()


@st.dialog("Rename data set", icon=":material/edit:")
def rename_dialog(record: DatasetRecord) -> None:
    """Ask for a new name."""
    name = st.text_input("Name", record.name, max_chars=120)
    if st.button("Rename", type="primary"):
        with widgets.errors_shown():
            state.workspace().rename_dataset(record.id, name)
            state.flash("Data set renamed.")
            st.rerun()


@st.dialog("Delete data set", icon=":material/delete:")
def delete_dialog(record: DatasetRecord) -> None:
    """Show what will be deleted, including runs, and ask for confirmation."""
    workspace = state.workspace()
    st.text(record.name)
    runs = workspace.runs_of_dataset(record.id)
    if runs:
        st.warning(
            f"{formats.plural(len(runs), 'run uses', 'runs use')} this data set. Deleting it also deletes "
            f"{'this run' if len(runs) == 1 else 'these runs'}, including results and trained models.",
            icon=":material/warning:",
        )
    agreed = not runs or st.checkbox(f"Delete {formats.plural(len(runs), 'run')} too")
    if any(other.parent_id == record.id for other in workspace.dataset_records()):
        st.caption("Versions made from it are kept, with their rows and the list of changes.")
    st.caption("This cannot be undone. The file it was imported from is not changed.")
    if st.button("Delete permanently", type="primary", icon=":material/delete:", disabled=not agreed):
        with widgets.errors_shown():
            workspace.delete_dataset(record.id, with_runs=bool(runs))
            if state.id_in_url("dataset") == record.id:
                del st.query_params["dataset"]
            state.flash("Data set deleted.")
            st.rerun()
