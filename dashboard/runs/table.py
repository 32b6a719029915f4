"""The table of runs with its filters, and the actions for selected runs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import pandas as pd
import streamlit as st

from core.runs.directory.run_dir import LineReader
from core.runs.recovery.rebuild import RebuildSummary
from core.runs.store.records import RunRecord, RunState
from core.runs.store.run_queries import RunFilter, RunsOverview
from core.tasks import TASKS
from dashboard.runs.dialogs import ask_in_dialog
from dashboard.runs.live_feed import is_whole, progress_of
from dashboard.runs.queue_bar import draw_moves
from dashboard.shared import formats, state, widgets

_STOPPING = "Stopping"
_STATUS_HELP = "The number of a queued run is its place in the queue. If you filter by Queued, runs are listed in that order."

_ROWS = 300
"""Runs shown at first: a table of thousands is slow to draw."""

_SHOWN = "runs-shown"


def draw_filters(overview: RunsOverview) -> RunFilter:
    """Filters with the values that occur among the runs."""
    present = [run_state for run_state in RunState if run_state in overview.by_state]
    tasks = [name for name in TASKS if name in overview.tasks]
    tags = list(overview.tags)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        words = st.text_input(
            "Search", key="runs-words", placeholder="Name, data set, model", icon=":material/search:", width=210
        )
        states = st.pills(
            "Status",
            present,
            selection_mode="multi",
            format_func=lambda run_state: widgets.STATE_LOOKS[run_state].title,
            key="runs-states",
        )
        with st.popover("More filters", icon=":material/filter_list:"):
            chosen_tasks = st.pills(
                "Task", tasks, selection_mode="multi", format_func=lambda name: TASKS[name].title, key="runs-tasks"
            )
            chosen_tags = st.multiselect("Tags", tags, key="runs-tags", placeholder="Any", disabled=not tags)
    return RunFilter(
        states=frozenset(states), tasks=frozenset(chosen_tasks), words=tuple((words or "").split()), tags=frozenset(chosen_tags)
    )


def notice_change(drawn: RunsOverview, news: RebuildSummary | None = None) -> None:
    """Redraw the page if runs were added, deleted or changed their state since, in any tab or process.

    Args:
        drawn: what the page shows.
        news: the last known rebuild of the database.
    """
    with widgets.error_boundary():
        workspace = state.workspace()
        if workspace.lists.overview() != drawn or workspace.database.last_rebuild() is not news:
            st.rerun()


def draw_table(wanted: RunFilter) -> None:
    """The matching runs, with their progress; redrawn every few seconds while one is active."""
    with widgets.error_boundary():
        _draw_table(wanted)


def _draw_table(wanted: RunFilter) -> None:
    workspace = state.workspace()
    names = widgets.dataset_names()
    found = workspace.lists.newest(wanted, limit=st.session_state.get(_SHOWN, _ROWS))
    runs, num_fitting = found.newest, found.num_fitting
    if not runs:
        st.info("No run matches these filters.", icon=":material/filter_alt_off:")
        return
    places = {run.id: place for place, run in enumerate(workspace.queue(), start=1)}
    if wanted.states == {RunState.QUEUED}:
        runs = sorted(runs, key=lambda run: places.get(run.id, 0))
    rows = pd.DataFrame([_row(run, names, places) for run in runs])
    chips = {look.title: look.chip for look in widgets.STATE_LOOKS.values()}
    chips |= {_STOPPING: widgets.STATE_LOOKS[RunState.CANCELLED].chip}
    chips |= {_waiting(place): widgets.STATE_LOOKS[RunState.QUEUED].chip for place in places.values()}
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small", height=44, border=False)
    picked = st.dataframe(
        rows,
        hide_index=True,
        key=widgets.key_of_rows("runs", [run.id for run in runs]),
        on_select="rerun",
        selection_mode="multi-row",
        height=min(37 + 35 * max(len(runs), 3), 900),
        column_config={
            "status": st.column_config.MultiselectColumn(
                "Status", width=100, options=list(chips), color=list(chips.values()), help=_STATUS_HELP if places else None
            ),
            "name": st.column_config.TextColumn("Run", width=145),
            "dataset": st.column_config.TextColumn("Data set", width=110),
            "model": st.column_config.TextColumn("Model", width=70),
            "progress": st.column_config.ProgressColumn("Progress", format="%d%%", min_value=0, max_value=100, width=70),
            "score": st.column_config.TextColumn("Test score", width=110),
            "duration": st.column_config.TextColumn("Duration", width=83),
            "created": st.column_config.DatetimeColumn("Created", format="D MMM, HH:mm", width=95),
            "tags": st.column_config.ListColumn("Tags", width=65),
        },
        placeholder="",
        alt="All runs",
    )["selection"]["rows"]
    if num_fitting > len(runs):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Showing the newest {formats.count(len(runs))} of {formats.count(num_fitting)} runs.", width="content")
            if st.button("Show more", icon=":material/expand_more:", key="runs-more"):
                st.session_state[_SHOWN] = len(runs) + 10 * _ROWS
                st.rerun()
    with bar:
        _draw_actions([runs[row] for row in picked if row < len(runs)])


def _draw_actions(chosen: Sequence[RunRecord]) -> None:
    if not chosen:
        st.caption("Select a run at the left edge of its row to open, rename, tag or delete it. Click a column header to sort.")
        return
    if len(chosen) == 1:
        run = chosen[0]
        if st.button("Open", type="primary", icon=":material/show_chart:"):
            state.go_to(state.RUN_PAGE, run=run.id)
        if run.state is RunState.SUCCEEDED and st.button("Results", icon=":material/grid_on:"):
            state.go_to(state.RESULTS_PAGE, run=run.id)
        if st.button("Rename", icon=":material/edit:"):
            ask_in_dialog("rename", chosen)
        if st.button("Tags", icon=":material/sell:"):
            ask_in_dialog("tag", chosen)
        if run.state is RunState.QUEUED:
            draw_moves(run)
    if st.button("Delete", icon=":material/delete:"):
        ask_in_dialog("delete", chosen)


def _row(run: RunRecord, names: Mapping[str, str], places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "status": [_status(run, places)],
        "name": run.name,
        "dataset": names.get(run.dataset_id, "(deleted)"),
        "model": PurePath(run.model).name,  # the run's page shows the full reference
        "progress": _progress(run),
        "score": None if run.headline is None else f"{formats.score(run.headline)} {run.headline_name or ''}".strip(),
        "duration": formats.duration(_duration_s(run)),
        "created": formats.aware(run.created_at).astimezone(),
        "tags": list(run.tags),
    }


def _status(run: RunRecord, places: Mapping[str, int]) -> str:
    if run.state is RunState.RUNNING and run.stop_requested:
        return _STOPPING
    if run.state is RunState.QUEUED and run.id in places:
        return _waiting(places[run.id])
    return widgets.STATE_LOOKS[run.state].title


def _waiting(place: int) -> str:
    return f"{widgets.STATE_LOOKS[RunState.QUEUED].title} · {place}"


def _progress(run: RunRecord) -> int:
    """Share of steps done, in percent."""
    if run.state is RunState.SUCCEEDED:
        return 100
    if run.state is RunState.QUEUED:
        return 0
    if run.state is RunState.RUNNING:
        return _progress_now(run.id)
    return _progress_at_the_end(run.id, run.finished_at)


def _progress_now(run_id: str) -> int:
    return round(100 * progress_of(*state.run_feed(state.workspace().run_dir(run_id).folder).refresh()).share)


@st.cache_data(show_spinner=False, max_entries=4 * _ROWS)
def _progress_at_the_end(run_id: str, finished_at: datetime | None) -> int:  # noqa: ARG001  (part of the cache key)
    run_dir = state.workspace().run_dir(run_id)
    events, metrics = LineReader(run_dir.events_file), LineReader.at_end(run_dir.metrics_file, 16_384)
    return round(100 * progress_of([row for row in metrics.read_new() if is_whole(row)], events.read_new()).share)


def _duration_s(run: RunRecord) -> float | None:
    if run.state is RunState.RUNNING and run.started_at is not None:
        return run.earlier_s + (datetime.now(UTC) - formats.aware(run.started_at)).total_seconds()
    return run.duration_s
