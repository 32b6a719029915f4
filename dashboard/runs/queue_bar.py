"""The queue above the table of runs: how many wait, whether it is paused, how many work at once, and who looks after it."""

import streamlit as st

from core.runs.store.queue import MOST_AT_ONCE, QueueMove
from core.runs.store.records import RunRecord, RunState
from core.runs.store.run_queries import RunsOverview
from dashboard.shared import formats, state, widgets
from dashboard.shared.escaping import markdown_text

_PAUSE_HELP = "No further run starts; the one at work goes on."
_MOVES: dict[QueueMove, tuple[str, str]] = {
    "first": ("To the front", ":material/vertical_align_top:"),
    "up": ("Earlier", ":material/arrow_upward:"),
    "down": ("Later", ":material/arrow_downward:"),
}


def draw_queue(overview: RunsOverview) -> None:
    """What can be said and done about the queue as a whole; nothing where nothing waits or works and all is as usual."""
    desk = state.workspace().desk
    switches = desk.switches()
    waiting, working = (overview.by_state.get(run_state, 0) for run_state in (RunState.QUEUED, RunState.RUNNING))
    if desk.watches() and (waiting or working):
        st.info(
            "Another Tuneboard on this machine looks after the runs of this workspace. What you do here is passed on to it; "
            "if it ends, this one takes over by itself.",
            icon=":material/visibility:",
        )
    if not (waiting or working or switches.paused):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"), widgets.errors_shown():
        if switches.paused:
            st.badge("Queue paused", icon=":material/pause_circle:", color="orange")
        words = [f"{formats.count(working)} at work", f"{formats.count(waiting)} waiting"]
        at_once = desk.at_once()
        words.append("one at a time" if at_once == 1 else f"up to {at_once} at once")
        st.caption(" · ".join(words), width="content")
        st.space("stretch")
        if switches.paused:
            if st.button("Let it go on", icon=":material/play_arrow:", type="primary", key="queue-go-on"):
                desk.pause(False)
                st.rerun()
        elif st.button("Pause the queue", icon=":material/pause:", help=_PAUSE_HELP, key="queue-pause"):
            desk.pause(True)
            st.rerun()
        with st.popover("How many at once", icon=":material/stacks:"):
            chosen = st.number_input(
                "Runs at once",
                min_value=0,
                max_value=MOST_AT_ONCE,
                value=switches.at_once or 0,
                key="queue-at-once",
                help="0 means one for each device. On one device, two at once are slower together than one after the other.",
            )
            if st.button("Save", key="queue-at-once-save") and (chosen or None) != switches.at_once:
                desk.set_at_once(int(chosen) or None)
                st.rerun()


def draw_moves(run: RunRecord) -> None:
    """Buttons that give a waiting run another place, and what it waits for."""
    desk = state.workspace().desk
    for step, (title, icon) in _MOVES.items():
        if st.button(title, icon=icon, key=f"move-{step}"):
            with widgets.errors_shown():
                desk.move(run.id, step)
                st.rerun()
    st.caption(markdown_text(desk.waits_for(run), longest=240))
