"""Results: scores of a finished run on unseen texts, overall and by label."""

import streamlit as st

from core.tasks import get_task
from dashboard.results import screens_of
from dashboard.results.report import draw_downloads, training_sentence
from dashboard.results.view import SplitView
from dashboard.shared import state, widgets
from dashboard.shared.escaping import markdown_text

_SPLITS = {"test": "Test", "validation": "Validation"}

workspace = state.workspace()
widgets.page_head(
    "Results", "Scores of a finished run on texts it has not seen: overall, by label, and the examples behind every score."
)

finished = widgets.finished_runs()
if not finished.newest:
    if workspace.lists.overview().num_runs:
        widgets.empty_state(
            "No finished run yet",
            "Results appear here when a run has finished training and testing.",
            button="See the runs",
            page=state.RUNS_PAGE,
            icon=":material/grid_on:",
        )
    else:
        widgets.empty_state(
            "No results yet",
            "Train a model first; its results will appear here.",
            button="Train a model",
            page=state.TRAIN_PAGE,
            icon=":material/grid_on:",
        )
    st.stop()

picker, switch = st.columns([3, 2], vertical_alignment="bottom", gap="medium")
with picker:
    run = widgets.run_picker(finished)
run_dir = workspace.run_dir(run.id)
result = state.result_of(run_dir)
if result is None:
    widgets.show_error(
        "The result of this run cannot be read. Open the run to see its log, or train it again.", title="Result damaged"
    )
    st.stop()
splits = [split for split in _SPLITS if split in result["splits"]]
with switch:
    split = st.segmented_control(
        "Split", splits, format_func=_SPLITS.__getitem__, default=splits[0], required=True, key=f"split-{run.id}"
    )

names = widgets.dataset_names()
st.caption(
    f"{get_task(run.task).title} · data set {markdown_text(names.get(run.dataset_id, 'deleted'))} · {training_sentence(result)}"
    + (
        " The checkpoint was selected on the validation split, so these scores are slightly optimistic."
        if split == "validation"
        else ""
    )
)
dataset = workspace.dataset(run.dataset_id)
rows = state.no_rows(dataset, str(split))
with widgets.errors_shown():
    rows = state.rows_of(run_dir, dataset, str(split))
screens = screens_of(run.task)
screens.draw_scores(SplitView(key=f"{run.id}-{split}", split=str(split), scores=result["splits"][split], rows=rows))
st.divider()
draw_downloads(run, result, str(split), screens, rows)
