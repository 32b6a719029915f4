"""All runs: their settings, state and scores."""

import streamlit as st

from dashboard.runs.dialogs import show_dialog_asked_for
from dashboard.runs.queue_bar import draw_queue
from dashboard.runs.table import draw_filters, draw_table, notice_change
from dashboard.shared import state, widgets
from dashboard.shared.database_notice import say_lost_folders

workspace = state.workspace()
widgets.page_head("Runs", "All training runs, newest first. A run continues in the background when you close the page.")

overview = workspace.lists.overview()
if not overview.num_runs:
    say_lost_folders()
    if workspace.dataset_records():
        line, button, page = "Choose a data set and a model; the default settings work well.", "Train a model", state.TRAIN_PAGE
    else:
        line, button, page = "A run needs a data set. Upload a file or load a sample first.", "Add a data set", state.DATA_PAGE
    widgets.empty_state("No runs yet", line, button=button, page=page, icon=":material/list_alt:")
    st.stop()

draw_queue(overview)
chosen = draw_filters(overview)
active = any(not state_of_some.is_final for state_of_some in overview.by_state)
st.fragment(draw_table, run_every=2.0 if active else None)(chosen)
if not show_dialog_asked_for():  # a rerun of the page would lose the text being typed in a dialog
    st.fragment(notice_change, run_every=5.0)(overview, workspace.database.last_rebuild())
