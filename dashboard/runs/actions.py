"""The actions on a run's own page."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from core.runs.directory.missing_files import has_config
from core.runs.store.records import RunRecord, RunState
from dashboard.runs.live_feed import RunFeed
from dashboard.shared import state, widgets
from dashboard.shared.downloads import csv_bytes, file_stem

_STOP_HELP = "Stops after the current step and saves a checkpoint. You can resume the run or evaluate its best checkpoint later."
_RESUME_HELP = "Continues from the last checkpoint with the same settings."
_BEGIN_HELP = "Starts from the beginning with the same settings, because the run ended before its first checkpoint."
_FAILED_HELP = " Fix the cause first, or it will fail again."
_FINISH_HELP = "Stops training: tests the best checkpoint so far, and saves the results and the model."
_AGAIN_HELP = "Opens the Train page with the data set, model and settings of this run, so that you can change them."


def draw_actions(run: RunRecord) -> None:
    """The buttons for the run's state."""
    workspace = state.workspace()
    can_be_read = has_config(workspace.run_dir(run.id))  # without its config a run can neither be resumed nor trained again
    with st.container(horizontal=True, gap="small"), widgets.errors_shown():
        if run.state is RunState.SUCCEEDED:
            if st.button("See the results", type="primary", icon=":material/grid_on:"):
                state.go_to(state.RESULTS_PAGE, run=run.id)
            if st.button("Predict with this model", icon=":material/edit_note:"):
                state.go_to(state.PREDICT_PAGE, run=run.id)
        elif run.state in (RunState.QUEUED, RunState.RUNNING):
            waiting = run.state is RunState.QUEUED
            label = "Remove from queue" if waiting else ("Stopping after this step" if run.stop_requested else "Stop")
            if st.button(
                label, icon=":material/stop:", disabled=run.stop_requested and not waiting, help=None if waiting else _STOP_HELP
            ):
                workspace.stop(run.id)
                st.rerun()
        else:
            _draw_continue(run, disabled=not can_be_read)
        # A failed run mostly fails again with the same settings.
        kind: Literal["primary", "secondary"] = "primary" if run.state is RunState.FAILED else "secondary"
        if st.button("Train again with changes", type=kind, icon=":material/tune:", help=_AGAIN_HELP, disabled=not can_be_read):
            state.go_to(state.TRAIN_PAGE, dataset=run.dataset_id, like=run.id)
        run_dir = workspace.run_dir(run.id)
        config_file = run_dir.config_file
        if config_file.is_file():
            st.download_button(
                "Config (YAML)",
                config_file.read_bytes,
                file_name=f"{file_stem(run.name)}.yaml",
                mime="application/yaml",
                icon=":material/download:",
                on_click="ignore",
                help="All settings of the run. To train with them on the command line: python -m core train --config FILE.",
            )
        if run_dir.metrics_file.is_file():
            st.download_button(
                "Metrics (CSV)",
                lambda: csv_bytes(figures_table(RunFeed(run_dir, keeps_all=True).refresh()[0])),
                file_name=f"{file_stem(run.name)}-figures.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                help="All metrics logged during training, one row per measurement.",
            )


def _draw_continue(run: RunRecord, *, disabled: bool) -> None:
    """The buttons for a run that ended early."""
    workspace = state.workspace()
    has_failed = run.state is RunState.FAILED
    resume_help = (_RESUME_HELP if has_checkpoint(run) else _BEGIN_HELP) + (_FAILED_HELP if has_failed else "")
    kind: Literal["primary", "secondary"] = "secondary" if has_failed else "primary"
    if st.button("Resume", type=kind, icon=":material/play_arrow:", help=resume_help, disabled=disabled):
        workspace.resume(run.id)
        st.rerun()
    if has_checkpoint(run) and st.button(
        "Evaluate best checkpoint", icon=":material/flag:", help=_FINISH_HELP, disabled=disabled
    ):
        workspace.finish(run.id)
        st.rerun()


def figures_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """All metrics of a run as a table: time first, then training, validation, system, and each label; empty if not measured."""
    order = ("step", "epoch", "time_s", "train/", "validation/", "selection/", "system/", "label_f1/")
    columns = dict.fromkeys(key for row in rows for key in row)
    place = {name: next((at for at, start in enumerate(order) if name.startswith(start)), len(order)) for name in columns}
    return pd.DataFrame(list(rows), columns=sorted(columns, key=place.__getitem__))


def has_checkpoint(run: RunRecord) -> bool:
    """Whether the run has a checkpoint."""
    checkpoints = state.workspace().run_dir(run.id).checkpoints
    return checkpoints.is_dir() and any(not entry.name.startswith(".") for entry in checkpoints.iterdir())
