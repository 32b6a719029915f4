"""Taking a version out as a file, in every format that can be read back."""

import streamlit as st

from core.datasets.dataset import Dataset
from core.datasets.versions.export import FORMATS, export
from core.errors import UserError
from core.runs.store.records import DatasetRecord
from dashboard.shared import formats, widgets
from dashboard.shared.downloads import FORMULA_NOTE, csv_bytes, file_stem

_FILE_A_SPLIT = "A zip with one file for each split; import them as train, validation and test file."


def draw_export(record: DatasetRecord, dataset: Dataset, *, key: str) -> None:
    """A small window with the formats, the guard against formulas, and the pool of unlabelled rows."""
    with st.popover("Download", icon=":material/download:", key=f"export-{key}"):
        fitting = [name for name, one in FORMATS.items() if not one.tasks or dataset.task in one.tasks]
        name = str(
            st.selectbox("Format", fitting, format_func=lambda one: FORMATS[one].title, key=f"export-format-{key}", width=260)
        )
        chosen = FORMATS[name]
        guard = False
        if chosen.has_formulas:
            guard = st.toggle("Safe for spreadsheets", True, key=f"export-guard-{key}", help=FORMULA_NOTE)
            st.caption(
                "Cells that look like formulas get an apostrophe, which stays when the file is read back."
                if guard
                else "Every cell is written as it is, so the file can be read back exactly. Do not open it in a spreadsheet."
            )
        elif chosen.tasks:
            st.caption(_FILE_A_SPLIT)
        else:
            st.caption("Every cell is written as it is; the file can be read back exactly.")
        columns = False
        if dataset.extra_columns and not chosen.tasks:
            title = f"With {formats.plural(len(dataset.extra_columns), 'further column')} of the file"
            columns = st.toggle(title, False, key=f"export-columns-{key}")
        _draw_file(record, dataset, name, exact=not guard, columns=columns, key=key)
        if dataset.num_unlabelled:
            st.download_button(
                f"{formats.plural(dataset.num_unlabelled, 'unlabelled row')} (CSV)",
                lambda: csv_bytes(dataset.unlabelled()),
                file_name=f"{file_stem(record.name)}-unlabelled.csv",
                mime="text/csv",
                icon=":material/label_off:",
                on_click="ignore",
                key=f"export-pool-{key}",
                help=FORMULA_NOTE,
            )


def _draw_file(record: DatasetRecord, dataset: Dataset, name: str, *, exact: bool, columns: bool, key: str) -> None:
    chosen = FORMATS[name]
    if name in ("excel", "conll"):  # the only ones that may refuse, which a download button could not say
        try:
            content = _content(str(dataset.folder), name, exact, columns)
        except UserError as error:
            widgets.show_error(str(error), title="Not in this format")
            return
    st.download_button(
        f"Download {chosen.title}",
        (lambda: content) if name in ("excel", "conll") else (lambda: export(dataset, name, exact=exact, with_columns=columns)),
        file_name=f"{file_stem(record.name)}{chosen.suffix}",
        mime=chosen.mime,
        type="primary",
        icon=":material/download:",
        on_click="ignore",
        key=f"export-file-{key}",
    )


@st.cache_data(show_spinner="Writing the file…", max_entries=4, ttl=600)
def _content(folder: str, name: str, exact: bool, columns: bool) -> bytes:
    from pathlib import Path

    from core.datasets.dataset import open_dataset

    return export(open_dataset(Path(folder)), name, exact=exact, with_columns=columns)
