"""Predict: give new texts to a trained model and read what it makes of them."""

import streamlit as st

from core.runs.records import RunState
from core.tasks import get_task
from dashboard import state, widgets
from dashboard.predicting import draw_answer, draw_question

workspace = state.workspace()
widgets.page_head("Predict", "Give new texts to a trained model: paste them, one a line, or upload a file.")

finished = [run for run in workspace.runs() if run.state is RunState.SUCCEEDED]
if not finished:
    widgets.empty_state(
        "No trained model yet",
        "As soon as a run is finished, its model can be used here.",
        button="Train a model" if not workspace.runs() else "See the runs",
        page=state.TRAIN_PAGE if not workspace.runs() else state.RUNS_PAGE,
        icon=":material/edit_note:",
    )
    st.stop()

run = widgets.run_picker(finished, label="Model of run")
st.caption(get_task(run.task).summary)
asked = draw_question(run)
draw_answer(run, asked)
