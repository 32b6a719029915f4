"""Widgets that several pages share: the state of a run, a run picker, a row of metrics, empty states and error messages."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.errors import NotFoundError, UserError
from core.machine.full_disk import storage_sentence
from core.models.hub import BUNDLED, BUNDLED_TITLE
from core.runs.store.records import RunRecord, RunState
from core.runs.store.run_queries import RunFilter, RunsFound
from core.training.planning.recipes import RECIPES
from dashboard.charts.base import TOOLBAR
from dashboard.charts.curves import ZOOM_NAME, LineCurve
from dashboard.shared import formats, state
from dashboard.shared.downloads import FORMULA_NOTE
from dashboard.shared.escaping import markdown_text

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]


class StateLook(NamedTuple):
    """How a run state is displayed."""

    title: str
    icon: str
    colour: Colour
    chip: str


STATE_LOOKS: dict[RunState, StateLook] = {
    RunState.QUEUED: StateLook("Queued", ":material/schedule:", "gray", "#8C8F9455"),
    RunState.RUNNING: StateLook("Training", ":material/play_circle:", "primary", "#1C8C8C66"),
    RunState.SUCCEEDED: StateLook("Done", ":material/check_circle:", "green", "#5E9C3F55"),
    RunState.FAILED: StateLook("Failed", ":material/error:", "red", "#C9485B66"),
    RunState.CANCELLED: StateLook("Stopped", ":material/stop_circle:", "orange", "#DD7A2E55"),
    RunState.INTERRUPTED: StateLook("Interrupted", ":material/power_off:", "orange", "#DD7A2E55"),
}


def state_badge(run: RunRecord) -> None:
    """The state of a run as a coloured badge."""
    look = STATE_LOOKS[run.state]
    stopping = run.state is RunState.RUNNING and run.stop_requested
    st.badge("Stopping" if stopping else look.title, icon=look.icon, color=look.colour)


def page_head(title: str, line: str = "") -> None:
    """Title of a page and one line about its purpose. Both are markdown: escape names in them."""
    state.show_flash()
    st.title(title, anchor=False)
    if line:
        st.caption(line)


def empty_state(title: str, line: str, *, button: str = "", page: str = "", icon: str = ":material/inbox:") -> None:
    """What to do on a page that has nothing to show yet, with a button that leads there."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.subheader(title, anchor=False, text_alignment="center", icon=icon)
        st.caption(line, text_alignment="center")
        if button and st.button(button, type="primary", icon=":material/arrow_forward:", key=f"empty-{page}"):
            st.switch_page(page)
        st.space("small")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show the message of a ``UserError`` as plain text where it occurred, and continue with the page."""
    try:
        yield
    except UserError as error:
        show_error(str(error))


UNFORESEEN = "Unexpected error"


@contextmanager
def error_boundary() -> Iterator[None]:
    """Around a page or a fragment: every error is shown as a message, never as a traceback."""
    try:
        yield
    except UserError as error:
        show_error(str(error))
    except Exception as error:
        storage_message = storage_sentence(error) if isinstance(error, OSError) else None
        if storage_message is not None:
            show_error(storage_message)
            return
        logging.getLogger("tuneboard.dashboard").exception("A page failed.")
        show_error(
            "Your saved data is not affected. Reload the page. If the error comes back, please report it with the traceback "
            "from the terminal in which the dashboard runs.",
            title=UNFORESEEN,
        )


def show_error(message: str, *, title: str = "That did not work") -> None:
    """An error box; the message may contain user text."""
    st.error(markdown_text(message, longest=1500), icon=":material/error:", title=title)


def facts(values: Mapping[str, str], *, gap: Literal["small", "medium"] = "medium") -> None:
    """A row of metrics. Values are ours or escaped; use a small gap for many metrics."""
    with st.container(horizontal=True, gap=gap):
        for name, value in values.items():
            st.metric(name, value, width="content")


def live_chart(curve: LineCurve, *, key: str, alt: str) -> None:
    """A chart that is updated in place and keeps its zoom."""
    # Streamlit resets the zoom with every change of data unless the zoom is a selection it tracks.
    st.vega_lite_chart(curve.points, curve.spec, key=key, alt=alt, on_select="rerun", selection_mode=ZOOM_NAME)


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """A Plotly figure with our toolbar."""
    st.plotly_chart(figure, key=key, config=TOOLBAR, alt=alt)


MOST_RUNS_OFFERED = 200
"""Runs to choose from in one list: a browser takes seconds to show thousands."""


_REPLACED = "run-shown-instead"
"""Session key: the run that is shown in place of a missing one; a notice says so until another run is chosen."""


def finished_runs() -> RunsFound:
    """The runs that have succeeded, as many as ``run_picker`` offers."""
    succeeded = RunFilter(states=frozenset({RunState.SUCCEEDED}))
    return state.workspace().lists.newest(succeeded, limit=MOST_RUNS_OFFERED)


def run_picker(found: RunsFound, *, label: str = "Run") -> RunRecord:
    """Choose one of the finished runs, newest first. The choice is kept in the URL, so the page can be shared or refreshed.

    Args:
        found: the finished runs, at least one.
        label: of the select box.
    """
    by_id = {run.id: run for run in found.newest}
    newest = list(by_id)
    wanted = state.remembered_id("run")
    if wanted is not None and wanted not in by_id:
        with suppress(NotFoundError):  # deleted, or of another workspace
            older = state.workspace().run(wanted)
            by_id |= {older.id: older} if older.state is RunState.SUCCEEDED else {}
    current = wanted if wanted in by_id else newest[0]
    if state.id_in_url("run") not in (None, current):
        st.session_state[_REPLACED] = current
    if st.session_state.get(_REPLACED) == current:
        st.info(
            "The run in the address does not exist or has no results. The newest finished run is shown instead.",
            icon=":material/swap_horiz:",
        )
    state.remember_id("run", current)
    if state.id_in_url("run") != current:
        st.query_params["run"] = current
    key = f"pick-{label}"
    st.session_state[key] = current

    def picked() -> None:
        st.session_state.pop(_REPLACED, None)
        st.query_params["run"] = st.session_state[key]

    st.selectbox(
        label,
        list(by_id),
        key=key,
        format_func=lambda run_id: run_title(by_id[run_id]),
        on_change=picked,
        help=f"The newest {len(newest)} of {formats.count(found.num_fitting)} runs; open older ones from the Runs page."
        if len(newest) < found.num_fitting
        else None,
    )
    return by_id[current]


def run_title(run: RunRecord) -> str:
    """A run in one line of plain text: name, headline score, creation time."""
    figure = f" · {run.headline_name} {formats.score(run.headline)}" if run.headline is not None else ""
    return f"{run.name}{figure} · {formats.day_and_time(run.created_at)}"


def guards_formulas(key: str) -> bool:
    """A toggle for CSV files: safe to open in a spreadsheet, or every cell unchanged."""
    return st.toggle("CSV safe for spreadsheets", True, key=f"guard-{key}", help=FORMULA_NOTE)


def key_of_rows(name: str, ids: Sequence[str]) -> str:
    """Key of a table with selectable rows: other rows give another key, so that a selection never moves to a different row."""
    return f"{name}-{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:16]}"


def model_title(reference: str) -> str:
    """Display name of a model reference, as plain text."""
    return BUNDLED_TITLE if reference == BUNDLED else reference


def recipe_title(name: str) -> str:
    """Display name of a recipe, as plain text."""
    return RECIPES[name].title if name in RECIPES else name


def dataset_names() -> dict[str, str]:
    """Id -> name of every data set."""
    return {record.id: record.name for record in state.workspace().dataset_records()}
