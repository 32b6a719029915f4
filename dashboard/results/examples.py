"""The examples behind a score: a drawer that a click on a chart or table opens, and a table to browse all examples."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.results.view import Focus
from dashboard.shared import formats
from dashboard.shared.escaping import markdown_text

_ASKED = "examples_asked_for"
_MOST_ROWS = 2000

Groups = Mapping[str, pd.DataFrame]
"""Title -> rows with ``record``, ``text`` and the columns to show, in display order."""

DrawOne = Callable[[pd.Series], None]


def ask_for_examples(focus: Focus) -> None:
    """Store what was clicked until ``show_examples_asked_for`` runs in the same script run."""
    st.session_state[_ASKED] = focus


def show_examples_asked_for(find: Callable[[Focus], Groups], columns: Mapping[str, Any], draw_one: DrawOne) -> None:
    """Open the drawer if something was clicked.

    Args:
        find: returns the examples for what was clicked.
        columns: columns to show, with their config.
        draw_one: draws a selected example in full, below the table.
    """
    focus = st.session_state.pop(_ASKED, None)
    if focus is None:
        return
    if focus.label:
        title = f"Label {markdown_text(focus.label, longest=60)}"
    else:
        title = f"Gold {markdown_text(focus.gold, longest=40)}, predicted {markdown_text(focus.predicted, longest=40)}"

    @st.dialog(title, width=860, position="right")
    def drawer() -> None:
        browse(find(focus), columns, draw_one, key="drawer")

    drawer()


def browse(groups: Groups, columns: Mapping[str, Any], draw_one: DrawOne, *, key: str) -> None:
    """A choice of groups with their sizes, the rows of one group, and one row in full."""
    titles = list(groups)
    if len(titles) > 1:
        first = next((title for title in titles if len(groups[title])), titles[0])
        chosen = st.segmented_control(
            "Show",
            titles,
            default=first,
            required=True,
            format_func=lambda title: f"{title} ({formats.count(len(groups[title]))})",
            key=f"group-{key}",
            label_visibility="collapsed",
        )
    else:
        chosen = titles[0]
        st.caption(formats.plural(len(groups[chosen]), "example"))
    rows = groups[str(chosen)]
    if rows.empty:
        st.info("No examples in this group.", icon=":material/check:")
        return
    if len(rows) > _MOST_ROWS:
        st.caption(
            f"Showing the first {formats.count(_MOST_ROWS)} of {formats.count(len(rows))} examples; download the predictions to "
            "get all."
        )
    shown = rows.head(_MOST_ROWS)
    picked = st.dataframe(
        shown[["record", *(name for name in columns if name in shown.columns)]],
        hide_index=True,
        key=f"examples-{key}-{titles.index(str(chosen))}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "record": st.column_config.NumberColumn("Record", width="small", help="Number of the record in the imported file"),
            **columns,
        },
        alt="Examples",
    )["selection"]["rows"]
    if not picked or picked[0] >= len(shown):
        st.caption("Select a row to read the full text.")
        return
    row = shown.iloc[picked[0]]
    with st.container(border=True):
        draw_one(row)
