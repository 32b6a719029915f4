"""Findings of the checks, grouped by severity: one line each, which opens to examples, the effect on training, and repairs."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.datasets.checks.finding import CheckReport, Finding, Severity
from core.datasets.dataset import Dataset
from core.datasets.importing.prepare import Prepared
from core.datasets.text_array import as_plain
from dashboard.data.checks.reports import chosen_model, draw_model_choice, report_of_dataset, report_of_prepared
from dashboard.data.repairs.repair_page import offer_button
from dashboard.data.rows import draw_rows_table
from dashboard.results import screens_of
from dashboard.shared import formats, state
from dashboard.shared.escaping import markdown_piece, markdown_text

_MOST_ROWS = 1000
_CHECKED_AT_ONCE = 30_000
_CHARACTERS_CHECKED_AT_ONCE = 30_000_000
"""Size up to which an import is checked automatically; a larger one would delay choosing columns."""


Examples = Callable[[], pd.DataFrame]
"""Reads the examples when rows are to be shown."""


class _Look(NamedTuple):
    title: str
    icon: str
    colour: Literal["red", "orange", "gray"]
    line: str


_LOOKS = {
    Severity.SERIOUS: _Look(
        "Serious issues", ":material/error:", "red", "Scores would be misleading, or the model would learn errors."
    ),
    Severity.WARNING: _Look("Warnings", ":material/warning:", "orange", "Better fixed before training."),
    Severity.NOTE: _Look("Notes", ":material/info:", "gray", ""),
}


def draw_findings(dataset: Dataset) -> None:
    """All findings of a saved data set, with repairs."""
    model = draw_model_choice()
    report = report_of_dataset(dataset, model)
    _draw_counts(report)
    _draw_coverage(report)
    _draw_groups(report, f"findings-{dataset.id}", dataset, lambda: state.examples_of(dataset), dataset.task)


def draw_findings_of_import(prepared: Prepared, summary: DeltaGenerator) -> None:
    """All findings of an import; repairs are offered once it is saved.

    Args:
        prepared: the data set that the import would make.
        summary: the place for the counts of findings.
    """
    if _takes_a_moment(prepared.examples) and not st.session_state.get("import-checks-wanted"):
        with summary, st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Not checked yet: checking {formats.plural(len(prepared.examples), 'row')} takes a moment.")
            if not st.button("Check now", icon=":material/fact_check:", key="import-check"):
                return
        st.session_state["import-checks-wanted"] = True
    with summary:
        report = report_of_prepared(prepared, chosen_model())
        _draw_counts(report)
    _draw_coverage(report)
    _draw_groups(report, "import-findings", None, lambda: as_plain(prepared.examples), prepared.task)
    if any(finding.offers for finding in report.findings):
        st.caption("Save the data set to repair it. Each repair is previewed and creates a new version.")


def _takes_a_moment(examples: pd.DataFrame) -> bool:
    """Whether the import is too large to be checked automatically."""
    return len(examples) > _CHECKED_AT_ONCE or int(examples["text"].str.len().sum()) > _CHARACTERS_CHECKED_AT_ONCE


def _draw_groups(report: CheckReport, key: str, dataset: Dataset | None, examples: Examples, task: str) -> None:
    for severity, look in _LOOKS.items():
        findings = report.of(severity)
        if not findings:
            continue
        with st.container(gap="xsmall"):
            st.markdown(
                f"**:{look.colour}[{look.title}]** &nbsp; :small[:gray[{look.line}]]" if look.line else f"**{look.title}**"
            )
            for finding in findings:
                _draw_finding(finding, look, f"{key}-{finding.check}", dataset, examples, task)


def _draw_counts(report: CheckReport) -> None:
    """The number of findings of each severity."""
    counts = {look: len(report.of(severity)) for severity, look in _LOOKS.items()}
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if not report.findings:
            st.badge("No issues found", icon=":material/check_circle:", color="green")
        for look, number in counts.items():
            if number:
                st.badge(f"{look.title}: {number}", icon=look.icon, color=look.colour)


def _draw_coverage(report: CheckReport) -> None:
    """What was checked, and which checks could not be completed."""
    rows = formats.count(report.num_examined)
    checked = f"{rows} of {formats.plural(report.num_examples, 'row')}" if report.sampled else f"all {rows} rows"
    for_model = f", text lengths and vocabulary against {markdown_text(report.model)}" if report.model else ""
    st.caption(f"Checked {checked}{for_model}.")
    if report.unfinished:
        st.caption(
            f":material/help: Not completed: {markdown_text(', '.join(report.unfinished))}. The dashboard's log has the reason."
        )


def _draw_finding(finding: Finding, look: _Look, key: str, dataset: Dataset | None, examples: Examples, task: str) -> None:
    title = markdown_text(finding.title + (", in a sample" if finding.sampled else ""), longest=180)
    opened = st.expander(f":{look.colour}[{look.icon}] {title}", key=key, on_change="rerun")
    if not opened.open:
        return
    with opened:
        st.caption(markdown_piece(finding.effect))
        _draw_examples(finding, key)
        with st.container(horizontal=True, gap="small"):
            if dataset is not None:
                for place, offer in enumerate(finding.offers):
                    offer_button(dataset, offer, key=f"{key}-{place}")
            if len(finding.rows) > len(finding.examples):
                _draw_all_rows(finding, key, examples, task)


def _draw_examples(finding: Finding, key: str) -> None:
    """The examples as a small table, which shows user text literally."""
    if not finding.examples:
        return
    table = pd.DataFrame(
        [(one.text, one.detail, one.split, one.record) for one in finding.examples], columns=["text", "detail", "split", "record"]
    )
    table["record"] = table["record"].astype("Int64")
    table = table.drop(columns=[name for name in table.columns if table[name].isna().all() or (table[name] == "").all()])
    st.dataframe(
        table,
        hide_index=True,
        key=f"{key}-examples",
        height="content",
        column_config={
            "text": st.column_config.TextColumn("Example", width="large"),
            "detail": st.column_config.TextColumn("Details", width="medium"),
            "split": st.column_config.TextColumn("Split", width=85),
            "record": st.column_config.NumberColumn("Record", width=70),
        },
        alt="Examples of the finding",
    )


def _draw_all_rows(finding: Finding, key: str, examples: Examples, task: str) -> None:
    shown = st.popover(
        f"All {formats.plural(len(finding.rows), 'row')}", icon=":material/table_rows:", key=f"{key}-all", on_change="rerun"
    )
    if not shown.open:
        return
    found = examples()
    found = found[found["id"].isin(finding.rows)].head(_MOST_ROWS)
    with shown:
        if len(finding.rows) > _MOST_ROWS:
            st.caption(f"Showing the first {formats.count(_MOST_ROWS)} rows.")
        table = screens_of(task).preview(found)
        table.insert(1, "split", found["split"])
        draw_rows_table(table, key=f"{key}-rows", text_width=460)
