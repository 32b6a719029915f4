"""Train: choose a data set, a model and a recipe, check the training plan, and launch."""

import streamlit as st

from core.errors import UserError
from dashboard.shared import state, widgets
from dashboard.train.train_form import draw_choices, draw_launch, draw_refusal, leave_if_launched

leave_if_launched()
workspace = state.workspace()
widgets.page_head("Train", "Choose a data set, a model and a recipe, then launch. The default settings work well.")

records = workspace.dataset_records()
if not records:
    widgets.empty_state(
        "No data set yet",
        "Training needs a data set. Upload a file of labelled text or load one of the samples.",
        button="Add a data set",
        page=state.DATA_PAGE,
        icon=":material/tune:",
    )
    st.stop()

form, summary = st.columns([8, 5], gap="large")
try:
    with form:
        prepared = draw_choices(records)
    if prepared is not None:
        with summary:
            draw_launch(prepared)
except UserError as error:
    with summary:
        draw_refusal(error)
