"""One run, addressed by ``?run=ID``: live while it trains, the same after a refresh, in a second tab or after a restart."""

import streamlit as st

from core.errors import NotFoundError
from dashboard.runs.actions import draw_actions
from dashboard.runs.run_page import draw_head, draw_live, notice_change
from dashboard.shared import state, widgets

workspace = state.workspace()
run_id = state.remembered_id("run")
if run_id is None:
    widgets.page_head("Run")
    widgets.empty_state("No run selected", "Open a run from the list of runs.", button="See the runs", page=state.RUNS_PAGE)
    st.stop()
if state.id_in_url("run") != run_id:
    st.query_params["run"] = run_id
try:
    run = workspace.run(run_id)
except NotFoundError:
    widgets.page_head("Run")
    widgets.empty_state(
        "Run not found",
        "It may have been deleted, or the link is for another workspace.",
        button="See the runs",
        page=state.RUNS_PAGE,
        icon=":material/search_off:",
    )
    st.stop()

draw_head(run)
draw_actions(run)
st.fragment(draw_live, run_every=None if run.state.is_final else 1.0)(run.id, run.state)
if run.state.is_final:
    st.fragment(notice_change, run_every=5.0)(run.id, run.state)
