"""The version history of a data set: the changes of each version, the runs that used it, and comparisons."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from core.datasets.dataset import Dataset
from core.datasets.versions.draft import compare_versions
from core.runs.store.records import DatasetRecord, RunRecord
from core.workspace import dataset_versions
from core.workspace.dataset_versions import Version
from dashboard.data.export import draw_export
from dashboard.data.repairs.diff_preview import draw_changes, draw_figures, draw_test_notice
from dashboard.shared import formats, state, widgets
from dashboard.shared.downloads import FORMULA_NOTE, csv_bytes
from dashboard.shared.escaping import markdown_text

_MOST_RUNS_NAMED = 6


def draw_versions(record: DatasetRecord, dataset: Dataset) -> None:
    """All versions of a data set, newest first; of deleted ones, what is still known."""
    found = dataset_versions.versions(state.workspace(), record.id)
    by_number = {version.dataset.version: version for version in found}
    gone = {
        int(change["version"]): change
        for version in found
        for change in version.dataset.changes
        if int(change["version"]) not in by_number
    }
    if 1 not in by_number:
        gone[1] = {"version": 1, "steps": []}
    if len(found) == 1 and not dataset.changes:
        st.caption("There is one version: the rows as imported. Every repair or correction creates a new version.")
    for number in sorted({*by_number, *gone}, reverse=True):
        if number in by_number:
            _draw_version(by_number[number], record, found)
        else:
            _draw_deleted(gone[number])


def _draw_version(version: Version, opened: DatasetRecord, family: Sequence[Version]) -> None:
    record, dataset = version.record, version.dataset
    is_opened = record.id == opened.id
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**Version {dataset.version}**")
            st.text(record.name, width="content")
            if is_opened:
                st.badge("Current", color="primary")
            st.caption(_in_numbers(record, dataset), width="stretch")
        st.text("\n".join(f"• {line}" for line in what_was_done(dataset)), width="stretch")
        st.caption(_runs_in_words(state.workspace().runs_of_dataset(record.id)))
        _draw_actions(version, is_opened=is_opened, family=family)


def _draw_actions(version: Version, *, is_opened: bool, family: Sequence[Version]) -> None:
    record, dataset = version.record, version.dataset
    parent = next((other for other in family if other.record.id == dataset.parent), None)
    with st.container(horizontal=True, gap="small"):
        if not is_opened and st.button("Open", icon=":material/folder_open:", key=f"open-{record.id}"):
            state.remember_id("dataset", record.id)
            st.query_params["dataset"] = record.id
            st.rerun()
        if len(family) > 1 and st.button("Compare", icon=":material/compare_arrows:", key=f"compare-{record.id}"):
            compare_dialog((record.id, parent.record.id if parent is not None else ""))
        draw_export(record, dataset, key=record.id)


def _draw_deleted(change: Mapping[str, Any]) -> None:
    with st.container(border=True, gap="small"):
        st.caption(f"Version {change['version']} · deleted" + (f" · {_when(change)}" if "created_at" in change else ""))
        if change["steps"]:
            st.text("\n".join(f"• {_line(step)}" for step in change["steps"]), width="stretch")


def what_was_done(dataset: Dataset) -> list[str]:
    """The repairs that made a version from its parent, one line each; for an imported one, its files."""
    if dataset.parent is None or not dataset.changes:
        files = dataset.source.get("files", [])
        names = [str(file["file_name"]) if isinstance(file, dict) else str(file) for file in files]
        return [f"Imported from {', '.join(names)}." if names else "Imported."]
    change = dataset.changes[-1]
    lines = [_line(step) for step in change["steps"]]
    if change["parent_version"] != dataset.version - 1:
        lines[0] = f"From version {change['parent_version']}: {lines[0]}"
    if change["changes_test"]:
        lines.append("The test split differs from the version before.")
    return lines


def _line(step: Mapping[str, Any]) -> str:
    counts = [
        f"{formats.plural(int(step[name]), 'row')} {done}"
        for name, done in (("num_changed", "changed"), ("num_removed", "removed"))
        if step[name]
    ]
    return f"{step['title']}: {', '.join(counts) or 'no changes'}"


def _in_numbers(record: DatasetRecord, dataset: Dataset) -> str:
    pool = f" · {formats.plural(dataset.num_unlabelled, 'unlabelled row')}" if dataset.num_unlabelled else ""
    return f"{formats.ago(record.created_at)} · {formats.plural(record.num_examples, 'example')}{pool}"


def _when(change: Mapping[str, Any]) -> str:
    return formats.ago(datetime.fromisoformat(str(change["created_at"])))


def _runs_in_words(runs: Sequence[RunRecord]) -> str:
    if not runs:
        return "Not used by any run."
    named = ", ".join(markdown_text(run.name, longest=40) for run in runs[:_MOST_RUNS_NAMED])
    more = f" and {len(runs) - _MOST_RUNS_NAMED} more" if len(runs) > _MOST_RUNS_NAMED else ""
    return f"Used by {named}{more}."


@st.dialog("Compare versions", width="large", icon=":material/compare_arrows:")
def compare_dialog(asked: tuple[str, str]) -> None:
    """How a version differs from another one, by default its parent.

    Args:
        asked: id of the version, and id of its parent or an empty string.
    """
    new_id, parent_id = asked
    family = dataset_versions.versions(state.workspace(), new_id)
    by_id = {version.record.id: version for version in family}
    new = by_id[new_id]
    others = [version.record.id for version in family if version.record.id != new_id]
    if not others:
        st.info("There is no other version to compare with.", icon=":material/info:")
        return
    old_id = st.selectbox(
        "Compare with",
        others,
        index=others.index(parent_id) if parent_id in others else 0,
        format_func=lambda one: f"Version {by_id[one].dataset.version}: {by_id[one].record.name}",
        key=f"compare-with-{new_id}",
    )
    old = by_id[str(old_id)]
    with widgets.errors_shown(), st.spinner("Comparing…"):
        found = compare_versions(old.dataset, new.dataset)
        if found.compared.is_same:
            st.info("Both versions have the same rows.", icon=":material/check_circle:")
            return
        draw_figures(old.dataset.num_examples, new.dataset.num_examples, found.compared)
        draw_test_notice(changed=not found.same_test)
        total = len(found.compared.changed) + len(found.compared.removed) + len(found.compared.added)
        draw_changes(found.changes, key=f"compare-{new_id}-{old_id}", total=total)
        removed = new.dataset.removed() if new.dataset.parent == old_id else None
        if removed is not None and len(removed):
            st.download_button(
                f"Download {formats.plural(len(removed), 'removed row')} (CSV)",
                lambda: csv_bytes(removed),
                file_name="removed-rows.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                help=FORMULA_NOTE,
            )
