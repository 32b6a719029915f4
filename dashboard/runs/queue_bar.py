"""The queue above the table of runs: queued runs, pause and resume, parallel runs, and which process schedules them."""

import streamlit as st

from core.runs.store.queue import MOST_AT_ONCE, QueueMove
from core.runs.store.records import RunRecord, RunState
from core.runs.store.run_queries import RunsOverview
from dashboard.shared import formats, state, widgets
from dashboard.shared.escaping import markdown_text

_PAUSE_HELP = "No queued run starts while the queue is paused. Runs that are training continue."
_MOVES: dict[QueueMove, tuple[str, str]] = {
    "first": ("Move to front", ":material/vertical_align_top:"),
    "up": ("Move up", ":material/arrow_upward:"),
    "down": ("Move down", ":material/arrow_downward:"),
}


def draw_queue(overview: RunsOverview) -> None:
    """Status and actions of the queue; draws nothing if no run is queued or training and the queue is not paused."""
    desk = state.workspace().desk
    switches = desk.switches()
    waiting, working = (overview.by_state.get(run_state, 0) for run_state in (RunState.QUEUED, RunState.RUNNING))
    if desk.watches() and (waiting or working):
        st.info(
            "Another Tuneboard process on this machine runs the queue of this workspace. Your actions here are passed on to it. "
            "If it ends, this one takes over automatically.",
            icon=":material/visibility:",
        )
    if not (waiting or working or switches.paused):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"), widgets.errors_shown():
        if switches.paused:
            st.badge("Queue paused", icon=":material/pause_circle:", color="orange")
        words = [f"{formats.count(working)} training", f"{formats.count(waiting)} queued"]
        at_once = desk.at_once()
        words.append("one at a time" if at_once == 1 else f"up to {at_once} in parallel")
        st.caption(" · ".join(words), width="content")
        st.space("stretch")
        if switches.paused:
            if st.button("Resume queue", icon=":material/play_arrow:", type="primary", key="queue-go-on"):
                desk.pause(False)
                st.rerun()
        elif st.button("Pause queue", icon=":material/pause:", help=_PAUSE_HELP, key="queue-pause"):
            desk.pause(True)
            st.rerun()
        with st.popover("Parallel runs", icon=":material/stacks:"):
            chosen = st.number_input(
                "Maximum number of parallel runs",
                min_value=0,
                max_value=MOST_AT_ONCE,
                value=switches.at_once or 0,
                key="queue-at-once",
                help="0 means one per device. On the same device, two parallel runs take longer than one after the other.",
            )
            if st.button("Save", key="queue-at-once-save") and (chosen or None) != switches.at_once:
                desk.set_at_once(int(chosen) or None)
                st.rerun()


def draw_moves(run: RunRecord) -> None:
    """Buttons that move a queued run in the queue, and what it waits for."""
    desk = state.workspace().desk
    for step, (title, icon) in _MOVES.items():
        if st.button(title, icon=icon, key=f"move-{step}"):
            with widgets.errors_shown():
                desk.move(run.id, step)
                st.rerun()
    st.caption(markdown_text(desk.waits_for(run), longest=240))
