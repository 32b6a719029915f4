"""Preview of an import: rows, labels, text lengths, and skipped records."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.datasets.importing.prepare import Prepared
from core.datasets.skipped_records import SkippedFileRecord, set_aside_rows
from core.datasets.text_array import as_plain
from core.tasks import SPLITS
from dashboard.charts.labels import label_counts_figure
from dashboard.data.checks.findings import draw_findings_of_import
from dashboard.data.importing.import_summary import draw_account
from dashboard.data.rows import draw_rows_table
from dashboard.data.text_lengths import draw_lengths_of_import
from dashboard.results import screens_of
from dashboard.shared import formats, widgets
from dashboard.shared.downloads import FORMULA_NOTE, csv_bytes

_MOST_ROWS = 1000
_FEW_ROWS = 9


def draw_preview(prepared: Prepared) -> None:
    """Metrics, notes, and tabs with everything to check before saving."""
    num_skipped = len(prepared.set_aside)
    widgets.facts(
        {
            "Examples": formats.count(len(prepared.examples)),
            "Labels": formats.count(len(prepared.labels)),
            **{split.capitalize(): formats.count(prepared.num_examples.get(split, 0)) for split in SPLITS},
            "Skipped": formats.count(num_skipped),
        }
    )
    for note in prepared.notes[:6]:
        st.text(f"• {note}", width="stretch")
    summary = st.container()
    names = ["Row preview", "Checks", "Labels", "Text lengths", f"Skipped ({formats.count(num_skipped)})"]
    rows, checks, labels, lengths, skipped = st.tabs(names, key="import-tabs")
    with rows:
        shown = as_plain(prepared.examples.head(_MOST_ROWS))
        table = screens_of(prepared.task).preview(shown)
        table.insert(1, "split", shown["split"])
        draw_rows_table(table, key="import-rows", text_width=230)
        if len(prepared.examples) > _MOST_ROWS:
            st.caption(f"Showing the first {formats.count(_MOST_ROWS)} of {formats.plural(len(prepared.examples), 'row')}.")
    with labels:
        widgets.chart(label_counts_figure(prepared.label_counts), key="import-labels", alt="Examples of each label by split")
    with lengths:
        draw_lengths_of_import(prepared)
    with skipped:
        _draw_skipped(prepared)
    with checks:  # last, so that the rows are on screen while the checks run
        draw_findings_of_import(prepared, summary)


def _draw_skipped(prepared: Prepared) -> None:
    if not prepared.set_aside:
        st.info("No record was skipped.", icon=":material/check_circle:")
        return
    draw_account(prepared.account, key="import-account", with_examples=False)
    table = set_aside_table(prepared.set_aside[:_MOST_ROWS])
    if len(prepared.set_aside) > _MOST_ROWS:
        st.caption(
            f"Showing the first {formats.count(_MOST_ROWS)} of {formats.count(len(prepared.set_aside))} records; the download "
            "has all."
        )
    st.caption("These records will not be part of the data set. To include them, correct them in the file and upload it again.")
    st.dataframe(
        table,
        hide_index=True,
        height=360 if len(table) > _FEW_ROWS else "content",
        key="import-set-aside",
        column_config={
            "record": st.column_config.NumberColumn("Record", width="small"),
            "line": st.column_config.NumberColumn("Line", width="small", help="Line of the file on which the record starts."),
            "file": st.column_config.TextColumn("File", width="small"),
            "reason": st.column_config.TextColumn("Reason", width=300),
            "content": st.column_config.TextColumn("Content", width=220),
        },
        alt="Skipped records, with reasons",
    )
    st.download_button(
        "Download skipped records (CSV)",
        lambda: csv_bytes(set_aside_table(prepared.set_aside)),
        file_name="set-aside.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help=FORMULA_NOTE,
    )


def set_aside_table(set_aside: Sequence[SkippedFileRecord]) -> pd.DataFrame:
    """``record``, ``reason`` and ``content`` of each; ``line`` if any is known, and ``file`` if there is more than one."""
    table = set_aside_rows(set_aside)[["record", "line", "file", "reason", "content"]]
    known = {
        "line": bool(table["line"].notna().any()),
        "file": table["file"].nunique() > 1,
        "content": bool((table["content"] != "").any()),
    }
    return table.drop(columns=[name for name, is_known in known.items() if not is_known])
