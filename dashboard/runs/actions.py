"""What can be done with a run on its own page, in words that say what will happen."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from core.runs.directory.missing_files import has_config
from core.runs.store.records import RunRecord, RunState
from dashboard.runs.live_feed import RunFeed
from dashboard.shared import state, widgets
from dashboard.shared.downloads import csv_bytes, file_stem

_STOP_HELP = "Ends after the current step and keeps what was learned; the run can be resumed or finished later."
_RESUME_HELP = "Goes on from the last checkpoint, with the same settings."
_BEGIN_HELP = "Begins anew with the same settings: it ended before its first checkpoint."
_FAILED_HELP = " Put right what it failed at first, or it fails there again."
_FINISH_HELP = "Trains no further: tests the best checkpoint so far and writes results and the model."
_AGAIN_HELP = "Opens the Train page with this run's data set, model and settings, where each can be changed."


def draw_actions(run: RunRecord) -> None:
    """Buttons that fit the state of the run."""
    workspace = state.workspace()
    can_be_read = has_config(workspace.run_dir(run.id))  # without its config a run can neither go on nor be trained again
    with st.container(horizontal=True, gap="small"), widgets.errors_shown():
        if run.state is RunState.SUCCEEDED:
            if st.button("See the results", type="primary", icon=":material/grid_on:"):
                state.go_to(state.RESULTS_PAGE, run=run.id)
            if st.button("Predict with it", icon=":material/edit_note:"):
                state.go_to(state.PREDICT_PAGE, run=run.id)
        elif run.state in (RunState.QUEUED, RunState.RUNNING):
            waiting = run.state is RunState.QUEUED
            label = "Take out of the queue" if waiting else ("Stopping after this step" if run.stop_requested else "Stop")
            if st.button(
                label, icon=":material/stop:", disabled=run.stop_requested and not waiting, help=None if waiting else _STOP_HELP
            ):
                workspace.stop(run.id)
                st.rerun()
        else:
            _draw_going_on(run, disabled=not can_be_read)
        # What failed mostly fails again with the same settings.
        kind: Literal["primary", "secondary"] = "primary" if run.state is RunState.FAILED else "secondary"
        if st.button("Train again with changes", type=kind, icon=":material/tune:", help=_AGAIN_HELP, disabled=not can_be_read):
            state.go_to(state.TRAIN_PAGE, dataset=run.dataset_id, like=run.id)
        run_dir = workspace.run_dir(run.id)
        config_file = run_dir.config_file
        if config_file.is_file():
            st.download_button(
                "Config",
                config_file.read_bytes,
                file_name=f"{file_stem(run.name)}.yaml",
                mime="application/yaml",
                icon=":material/download:",
                on_click="ignore",
                help="Everything the run was told, as YAML; python -m core train takes it with --config.",
            )
        if run_dir.metrics_file.is_file():
            st.download_button(
                "Figures",
                lambda: csv_bytes(figures_table(RunFeed(run_dir, keeps_all=True).refresh()[0])),
                file_name=f"{file_stem(run.name)}-figures.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                help="Everything measured while it trained, one line a measurement, as CSV.",
            )


def _draw_going_on(run: RunRecord, *, disabled: bool) -> None:
    """Buttons for a run that ended early."""
    workspace = state.workspace()
    has_failed = run.state is RunState.FAILED
    resume_help = (_RESUME_HELP if has_checkpoint(run) else _BEGIN_HELP) + (_FAILED_HELP if has_failed else "")
    kind: Literal["primary", "secondary"] = "secondary" if has_failed else "primary"
    if st.button("Resume", type=kind, icon=":material/play_arrow:", help=resume_help, disabled=disabled):
        workspace.resume(run.id)
        st.rerun()
    if has_checkpoint(run) and st.button(
        "Finish with what was learned", icon=":material/flag:", help=_FINISH_HELP, disabled=disabled
    ):
        workspace.finish(run.id)
        st.rerun()


def figures_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """All figures of a run: when, then training, validation, machine, and each label; empty where a line has none."""
    order = ("step", "epoch", "time_s", "train/", "validation/", "selection/", "system/", "label_f1/")
    columns = dict.fromkeys(key for row in rows for key in row)
    place = {name: next((at for at, start in enumerate(order) if name.startswith(start)), len(order)) for name in columns}
    return pd.DataFrame(list(rows), columns=sorted(columns, key=place.__getitem__))


def has_checkpoint(run: RunRecord) -> bool:
    """Whether there is anything learned to finish with."""
    checkpoints = state.workspace().run_dir(run.id).checkpoints
    return checkpoints.is_dir() and any(not entry.name.startswith(".") for entry in checkpoints.iterdir())
