"""Download of a data set version, in every format that can be imported again."""

import streamlit as st

from core.datasets.dataset import Dataset
from core.datasets.versions.export import FORMATS, export
from core.errors import UserError
from core.runs.store.records import DatasetRecord
from dashboard.shared import formats, widgets
from dashboard.shared.downloads import FORMULA_NOTE, csv_bytes, file_stem

_FILE_A_SPLIT = "A zip with one file per split. To import them again, choose Splits: Separate files."


def draw_export(record: DatasetRecord, dataset: Dataset, *, key: str) -> None:
    """A popover with the formats, the formula guard, and the unlabelled rows."""
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
                "Cells that look like formulas get an apostrophe. It stays in the text if you import the file again."
                if guard
                else "Every cell is written unchanged and can be imported again exactly. Do not open the file in a spreadsheet."
            )
        elif chosen.tasks:
            st.caption(_FILE_A_SPLIT)
        else:
            st.caption("Every cell is written unchanged, so the file can be imported again exactly.")
        columns = False
        if dataset.extra_columns and not chosen.tasks:
            title = f"Include {formats.plural(len(dataset.extra_columns), 'more column')} of the file"
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
    if name in ("excel", "conll"):  # only these can fail, and a download button could not show why
        try:
            content = _content(str(dataset.folder), name, exact, columns)
        except UserError as error:
            widgets.show_error(str(error), title="This format is not possible")
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
