"""The page of a run: a fixed head, and a part that is redrawn every second while the run is active."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from core.errors import NotFoundError
from core.runs.directory.missing_files import missing_parts
from core.runs.store.records import RunRecord, RunState
from core.tasks import get_task
from dashboard.runs.live_charts import draw_curves
from dashboard.runs.live_feed import RunProgress, progress_of
from dashboard.runs.log import readable_tail
from dashboard.shared import formats, state, widgets
from dashboard.shared.escaping import markdown_text

_PHASES = {
    "preparing": "Preparing data and model",
    "training": "Training",
    "validating": "Evaluating on validation",
    "calibrating": "Calibrating on validation",
    "testing": "Testing the best checkpoint",
    "saving": "Saving the model",
}
_SHOWN_EVENTS = 60
_SHOWN_WARNINGS = 4
_SHOWN_LINES = 20
_READ_LINES = 200
"""Lines of the log that are read: most of a failure may be a traceback, which is not shown."""


def draw_head(run: RunRecord) -> None:
    """Name, state, data set, model and recipe."""
    state.show_flash()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.title(markdown_text(run.name, longest=80), anchor=False, width="content")
        widgets.state_badge(run)
    facts = [
        get_task(run.task).title,
        f"data set {widgets.dataset_names().get(run.dataset_id, 'deleted')}",
        f"model {widgets.model_title(run.model)}",
        f"recipe {widgets.recipe_title(run.recipe)}",
        f"created {formats.ago(run.created_at)}",
    ]
    if run.tags:
        facts.append(f"tags {', '.join(run.tags)}")
    st.caption(" · ".join(markdown_text(fact) for fact in facts))


def draw_live(run_id: str, drawn_state: RunState) -> None:
    """The live part. If the run's state has changed since the page was drawn, the whole page is redrawn."""
    with widgets.error_boundary():
        _draw_live(run_id, drawn_state)


def notice_change(run_id: str, drawn_state: RunState) -> None:
    """Redraw the page if another tab or the command line has resumed or deleted a run that had ended."""
    with widgets.error_boundary():
        try:
            changed = state.workspace().run(run_id).state is not drawn_state
        except NotFoundError:
            changed = True
        if changed:
            st.rerun()


def _draw_live(run_id: str, drawn_state: RunState) -> None:
    workspace = state.workspace()
    try:
        run = workspace.run(run_id)
    except NotFoundError:
        st.rerun()  # deleted in another tab; the page then says so
    if run.state is not drawn_state:
        st.rerun()
    if run.state.is_final:
        _draw_losses(run)
    rows, events = state.run_feed(workspace.run_dir(run_id).folder).refresh()
    progress = progress_of(rows, events)
    _draw_outcome(run)
    _draw_progress(run, progress)
    _draw_warnings(events)
    draw_curves(run, rows, events)
    _draw_log(run, events)


def _draw_losses(run: RunRecord) -> None:
    """Which parts of the run's folder are missing or damaged."""
    for sentence in missing_parts(state.workspace().run_dir(run.id), run.state):
        st.warning(markdown_text(sentence), icon=":material/heart_broken:")


def _draw_outcome(run: RunRecord) -> None:
    message = markdown_text(run.message, longest=1500) if run.message else ""
    if run.state is RunState.FAILED:
        error = state.workspace().run_dir(run.id).error() or {}
        widgets.show_error(str(error.get("message") or run.message or "The log below may show why."), title="This run failed")
    elif run.state is RunState.INTERRUPTED:
        st.warning(
            message or "The worker process ended before the run was finished. The last checkpoint is kept.",
            icon=":material/power_off:",
            title="This run was interrupted",
        )
    elif run.state is RunState.CANCELLED:
        st.info(
            message or "Resume it, or evaluate its best checkpoint.", icon=":material/stop_circle:", title="This run was stopped"
        )
    elif run.state is RunState.QUEUED:
        st.info(markdown_text(state.workspace().desk.waits_for(run), longest=400), icon=":material/schedule:")


def _draw_progress(run: RunRecord, progress: RunProgress) -> None:
    if not progress.step and (run.state is RunState.QUEUED or run.state.is_final):
        return  # not started, or ended before its first step: there is no progress to show
    done = run.state is RunState.SUCCEEDED
    share = 1.0 if done else progress.share
    phase = "Done" if done else _PHASES.get(progress.phase, "Starting the worker")
    if run.state.is_final and not done:
        phase = "Ended"
    steps = f"step {formats.count(progress.step)} of {formats.count(progress.total_steps)}" if progress.total_steps else ""
    if steps and run.state in (RunState.FAILED, RunState.INTERRUPTED):
        steps = f"last metrics at {steps}"  # it may have done a few more steps without logging them
    if run.finish_early and run.state is RunState.RUNNING:
        phase = f"{phase} (evaluating the best checkpoint)"
    ended_early = done and progress.step < progress.total_steps
    percent = f"{share:.0%}" if steps and not ended_early else ""
    st.progress(share, text=" · ".join(part for part in (phase, steps, percent) if part))
    plan = progress.plan
    figures = {
        "Epoch": f"{progress.epoch:.1f} of {progress.epochs:g}" if progress.epochs else "–",
        "Examples/s": formats.count(progress.examples_per_s) if progress.examples_per_s is not None else "–",
        "Tokens/s": formats.count(progress.tokens_per_s) if progress.tokens_per_s is not None else "–",
        "Elapsed": formats.duration(_elapsed_s(run, progress)),
        **({} if run.state.is_final else {"Remaining": formats.duration(progress.remaining_s)}),
        "Device": _device(plan),
        "Utilization": f"{progress.device_use:.0%}" if progress.device_use is not None else "–",
        "Memory": formats.memory(progress.memory_mib),
    }
    if progress.gpu_memory_mib is not None:
        figures["GPU memory"] = formats.memory(progress.gpu_memory_mib)
    if run.headline is not None and run.headline_name:
        figures = {f"Test {run.headline_name}": formats.score(run.headline), **figures}
    widgets.facts(figures, gap="small")


def _elapsed_s(run: RunRecord, progress: RunProgress) -> float | None:
    if run.duration_s is not None:
        return run.duration_s
    if run.started_at is not None and run.state is RunState.RUNNING:
        return run.earlier_s + (datetime.now(UTC) - formats.aware(run.started_at)).total_seconds()
    return progress.elapsed_s


def _device(plan: Mapping[str, Any]) -> str:
    names = {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}
    device = str(plan.get("device", ""))
    return markdown_text(names.get(device, device) or "–", longest=24)


def _draw_warnings(events: Sequence[Mapping[str, Any]]) -> None:
    """Warnings that may need action, above the curves."""
    # A resumed run repeats some of them.
    messages = list(dict.fromkeys(str(event.get("message", "")) for event in events if event.get("kind") == "warning"))
    for message in messages[-_SHOWN_WARNINGS:]:
        st.warning(markdown_text(message, longest=600), icon=":material/warning:")


def _draw_log(run: RunRecord, events: Sequence[Mapping[str, Any]]) -> None:
    left, log = st.columns(2, gap="medium")
    with left:
        st.markdown("**Events**")
        shown = noteworthy(events)
        with st.container(height=260, border=bool(shown)):
            st.markdown("  \n".join(_sentence(event) for event in shown) or ":gray[:small[No events yet.]]")
    with log:
        st.markdown("**Last lines of the log**")
        lines = readable_tail(state.workspace().run_dir(run.id).log_tail(_READ_LINES), _SHOWN_LINES)
        with st.container(height=260, autoscroll=True, border=False):
            st.code("\n".join(lines) or "The log is empty.", language=None, wrap_lines=True)


def noteworthy(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events of a run, newest first. Of its phases, which change twice per epoch, only the current one."""
    with_message = [event for event in events if event.get("message")]
    last_phase = next((event for event in reversed(with_message) if event.get("kind") == "phase"), None)
    return [event for event in reversed(with_message) if event.get("kind") != "phase" or event is last_phase][:_SHOWN_EVENTS]


def _sentence(event: Mapping[str, Any]) -> str:
    """An event as a line of markdown, with its time."""
    moment = _moment(event)
    time = f":gray[{moment:%H:%M:%S}] " if moment is not None else ""
    return f"{time}{markdown_text(str(event['message']), longest=1500)}"


def _moment(event: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(event.get("time"))).astimezone()
    except ValueError:
        return None
