"""Dialogs that rename, tag and delete runs."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, NoReturn

import streamlit as st

from core.errors import NotFoundError
from core.runs.store.records import RunRecord
from dashboard.shared import formats, state, widgets

_ASKED = "run_dialog_asked_for"


def ask_in_dialog(question: Literal["rename", "tag", "delete"], runs: Sequence[RunRecord]) -> NoReturn:
    """Rerun the whole page with a dialog: a dialog opened by a fragment that is redrawn every second would close with it."""
    st.session_state[_ASKED] = (question, [run.id for run in runs])
    st.rerun()


def show_dialog_asked_for() -> bool:
    """Open the dialog that ``ask_in_dialog`` asked for, once.

    Returns:
        Whether there was one.
    """
    question, ids = st.session_state.pop(_ASKED, ("", []))
    chosen = []
    for run_id in ids:
        with suppress(NotFoundError):  # it may have been deleted meanwhile
            chosen.append(state.workspace().run(run_id))
    if not chosen:
        return False
    if question == "rename":
        rename_dialog(chosen[0])
    elif question == "tag":
        tag_dialog(chosen[0])
    else:
        delete_dialog(chosen)
    return True


@st.dialog("Rename run", icon=":material/edit:", on_dismiss="rerun")
def rename_dialog(run: RunRecord) -> None:
    """Ask for a new name."""
    name = st.text_input("Name", run.name, max_chars=120)
    if st.button("Rename", type="primary"):
        with widgets.errors_shown():
            state.workspace().rename_run(run.id, name)
            state.flash("Run renamed.")
            st.rerun()


@st.dialog("Tags", icon=":material/sell:", on_dismiss="rerun")
def tag_dialog(run: RunRecord) -> None:
    """Choose existing tags, or enter new ones."""
    workspace = state.workspace()
    known = sorted({*workspace.lists.overview().tags, *run.tags})
    tags = st.multiselect(
        "Tags",
        known,
        default=list(run.tags),
        accept_new_options=True,
        placeholder="Enter a tag and press Enter",
        label_visibility="collapsed",
    )
    if st.button("Save", type="primary"):
        with widgets.errors_shown():
            workspace.tag_run(run.id, tags)
            state.flash("Tags saved.")
            st.rerun()


@st.dialog("Delete", icon=":material/delete:", on_dismiss="rerun")
def delete_dialog(runs: Sequence[RunRecord]) -> None:
    """Show what will be deleted, and ask for confirmation."""
    st.text("\n".join(run.name for run in runs[:12]) + (f"\nand {len(runs) - 12} more" if len(runs) > 12 else ""))
    what = "This run" if len(runs) == 1 else f"These {formats.plural(len(runs), 'run')}"
    st.markdown(f"{what} will be deleted with metrics, predictions, checkpoints and trained model. This cannot be undone.")
    if st.button("Delete permanently", type="primary", icon=":material/delete:"):
        with widgets.errors_shown():
            for run in runs:
                state.workspace().delete_run(run.id)
            state.flash(f"{formats.plural(len(runs), 'run')} deleted.")
            st.rerun()
