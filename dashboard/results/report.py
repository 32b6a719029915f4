"""Downloads of a run's results, and its training in one sentence."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.runs.store.records import RunRecord
from core.training.tracking.kept_epoch import which_epoch
from dashboard.results.view import TaskScreens
from dashboard.shared import formats, widgets
from dashboard.shared.downloads import csv_bytes, file_stem, json_bytes
from dashboard.shared.escaping import markdown_text

_DEVICES = {"cpu": "the CPU", "cuda": "a GPU", "mps": "the Apple GPU"}


def training_sentence(result: Mapping[str, Any]) -> str:
    """How the run was trained, such as "trained 6 epochs in 4 min 12 s on the CPU (bfloat16)"."""
    training = result.get("training", {})
    device = str(training.get("device", ""))
    sentence = (
        f"trained {formats.plural(round(training.get('epochs', 0)), 'epoch')} in {formats.duration(training.get('duration_s'))}"
    )
    if device:
        sentence += f" on {_DEVICES.get(device, device)} ({training.get('precision', 'float32')})"
    step, epoch = training.get("best_step"), training.get("best_epoch")
    if not step:
        return f"{sentence}."
    which = markdown_text(which_epoch(training), longest=400)
    if len(averaged := training.get("from_epochs", [])) > 1:
        sentence += f"; weights averaged over epochs {', '.join(map(str, averaged))}."
        sentence += f" Single epochs: {which}" if which else ""
    elif which:
        sentence += f"; checkpoint at step {formats.count(step)}. {which}"
    else:
        sentence += f"; best checkpoint at step {formats.count(step)}" + (f", after epoch {epoch}." if epoch else ".")
    return sentence + _calibration_sentence(result.get("calibration", {}))


def _calibration_sentence(calibration: Mapping[str, Any]) -> str:
    """What was fitted on validation after training, as a sentence to append."""
    if calibration.get("evidence"):
        return " A TF-IDF classifier is added to its predictions; probabilities are calibrated on validation."
    return " Probabilities are calibrated on validation." if calibration.get("scale", 1.0) != 1.0 else ""


def draw_downloads(run: RunRecord, result: Mapping[str, Any], split: str, screens: TaskScreens, rows: pd.DataFrame) -> None:
    """Buttons for the report as JSON, and the per-label table and predictions as CSV. Files are created on click."""
    stem = f"{file_stem(run.name)}-{split}"
    row = st.container(horizontal=True, vertical_alignment="center")
    guard = widgets.guards_formulas(f"results-{run.id}")
    with row:
        st.download_button(
            "Report (JSON)",
            lambda: json_bytes({"run": run.id, "name": run.name, **result}),
            file_name=f"{file_stem(run.name)}-report.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Scores by label (CSV)",
            lambda: csv_bytes(screens.label_table(result["splits"][split]), guard=guard),
            file_name=f"{stem}-labels.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Predictions (CSV)",
            lambda: csv_bytes(screens.kept_predictions(rows), guard=guard),
            file_name=f"{stem}-predictions.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
