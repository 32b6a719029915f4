"""Entry script of the dashboard: checks access and draws the menu. ``python -m dashboard`` starts it."""

from pathlib import Path

import streamlit as st

from core.errors import UserError
from dashboard.server import auth
from dashboard.shared import state, widgets
from dashboard.shared.database_notice import say_made_anew

ASSETS = Path(__file__).parent / "assets"
_SIDEBAR_PX = 220  # wide enough for five short titles; the rest of the window belongs to tables and charts

st.set_page_config(page_title="Tuneboard", page_icon=str(ASSETS / "icon.svg"), layout="wide", initial_sidebar_state=_SIDEBAR_PX)
st.logo(str(ASSETS / "logo.svg"), size="large", icon_image=str(ASSETS / "icon.svg"))

try:
    user = auth.current_user()
except auth.NotSignedInError:
    auth.draw_sign_in()
    st.stop()
except UserError as error:
    widgets.show_error(str(error), title="Access denied")
    auth.draw_way_out()
    st.stop()

page = st.navigation(
    [
        st.Page(state.DATA_PAGE, title="Data", icon=":material/table_rows:", default=True),
        st.Page(state.TRAIN_PAGE, title="Train", icon=":material/tune:"),
        st.Page(state.RUNS_PAGE, title="Runs", icon=":material/list_alt:"),
        st.Page(state.RUN_PAGE, title="Run", icon=":material/show_chart:", visibility="hidden"),
        st.Page(state.RESULTS_PAGE, title="Results", icon=":material/grid_on:"),
        st.Page(state.PREDICT_PAGE, title="Predict", icon=":material/edit_note:"),
    ]
)

if user is not None:
    auth.draw_signed_in(user)

try:
    state.workspace()
except UserError as error:
    widgets.show_error(str(error), title="The workspace cannot be opened")
    st.stop()

with widgets.error_boundary():
    say_made_anew()
    page.run()
