"""Live training curves of a run: loss, validation scores, F1 by label, and a choice of per-step metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.runs.store.records import RunRecord, RunState
from core.tasks import get_task
from core.training.tracking.kept_epoch import which_epoch
from dashboard.charts.curves import LineCurve, learning_rate_curve, loss_curve, score_curve, single_curve
from dashboard.runs.live_label_f1 import draw_label_scores
from dashboard.shared import widgets
from dashboard.shared.escaping import markdown_text

Rows = Sequence[Mapping[str, Any]]

_STEP_FIGURES = {"rate": "Learning rate", "gradient": "Gradient norm", "speed": "Examples/s"}
_SHORT = {"rate": "Learning rate", "gradient": "Gradient", "speed": "Speed"}


def draw_curves(run: RunRecord, rows: Rows, events: Rows = ()) -> None:
    """All curves from a run's metrics; the events tell where it was resumed."""
    if not rows:
        if run.state is RunState.RUNNING:
            st.caption("Curves appear with the first training steps, after the data and the model are loaded.")
        return
    loss, labels = st.columns(2, gap="medium")
    with loss:
        st.markdown("**Loss**")
        resumed_at = [event["step"] for event in events if event.get("kind") == "resume" and isinstance(event.get("step"), int)]
        widgets.live_chart(loss_curve(rows, resumed_at), key=f"loss-{run.id}", alt="Training and validation loss by step")
    with labels:
        draw_label_scores(rows, key=f"labels-{run.id}")
    scores, steps = st.columns(2, gap="medium")
    with scores:
        st.markdown("**Validation scores**")
        curve = score_curve(rows, get_task(run.task).live_metrics)
        if curve.points.empty:
            st.caption("First measured at the end of the first epoch.")
        else:
            widgets.live_chart(curve, key=f"scores-{run.id}", alt="Validation scores by step")
            if kept := kept_epoch(rows, events, so_far=not run.state.is_final):
                st.caption(markdown_text(kept, longest=400))
    with steps:
        _draw_step_figures(run, rows)
    st.caption("Shift + mouse wheel zooms, dragging pans, a double-click resets the view.")


def kept_epoch(rows: Rows, events: Rows, *, so_far: bool) -> str:
    """Which epoch the last validation keeps and which had the highest score; empty before the first validation."""
    last = next((row for row in reversed(rows) if "selection/best_epoch" in row), {})
    metric = next((event.get("selection_metric") for event in reversed(events) if event.get("kind") == "plan"), None)
    facts = {key.removeprefix("selection/"): value for key, value in last.items() if key.startswith("selection/")}
    return which_epoch({**facts, "selection_metric": metric}, so_far=so_far) if isinstance(metric, str) else ""


def _draw_step_figures(run: RunRecord, rows: Rows) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**Per-step metrics**", width="content")
        chosen = st.segmented_control(
            "Metric",
            list(_STEP_FIGURES),
            format_func=_SHORT.__getitem__,
            default="rate",
            required=True,
            key=f"figure-{run.id}",
            label_visibility="collapsed",
        )
    title = _STEP_FIGURES[str(chosen)]
    widgets.live_chart(_step_curve(str(chosen), title, rows), key=f"{chosen}-{run.id}", alt=f"{title} by step")


def _step_curve(chosen: str, title: str, rows: Rows) -> LineCurve:
    if chosen == "rate":
        return learning_rate_curve(rows)
    if chosen == "gradient":
        return single_curve(rows, "train/gradient_norm", y_title=title, format_=".3f")
    return single_curve(rows, "train/examples_per_s", y_title=title, format_=",.0f")
