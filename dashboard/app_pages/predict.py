"""Predict: apply a trained model to new texts."""

import streamlit as st

from core.tasks import get_task
from dashboard.predict.predict_page import draw_answer, draw_question
from dashboard.shared import state, widgets

workspace = state.workspace()
widgets.page_head("Predict", "Apply a trained model to new texts: paste them, one per line, or upload a file.")

finished = widgets.finished_runs()
if not finished.newest:
    has_runs = workspace.lists.overview().num_runs > 0
    widgets.empty_state(
        "No trained model yet",
        "When a run has finished, you can use its model here.",
        button="See the runs" if has_runs else "Train a model",
        page=state.RUNS_PAGE if has_runs else state.TRAIN_PAGE,
        icon=":material/edit_note:",
    )
    st.stop()

run = widgets.run_picker(finished, label="Model of run")
st.caption(get_task(run.task).summary)
asked = draw_question(run)
draw_answer(run, asked)
