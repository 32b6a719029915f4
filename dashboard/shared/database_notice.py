"""Notices about the database: that it was rebuilt, or that it lists nothing although the folders hold data."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard.shared import formats, state
from dashboard.shared.escaping import markdown_text

_NEWS_FOR = timedelta(days=1)
_SEEN = "catalogue-news-seen"
_TITLE, _ICON = "Database rebuilt", ":material/restore_page:"


def say_made_anew() -> None:
    """On every page, until it is dismissed: the database file was deleted or replaced, and what was done about it."""
    account = state.workspace().database.last_rebuild()
    if account is None or st.session_state.get(_SEEN) == account.moment or datetime.now(UTC) - account.moment > _NEWS_FOR:
        return
    is_whole = account.num_carried > 0 or not (account.num_datasets or account.num_runs or account.left_out)
    sentences = [f"On {formats.day_and_time(account.moment)} the database file was found deleted or replaced."]
    if is_whole:
        sentences.append("Nothing is lost: all data sets and runs are as before.")
    else:
        sentences.append(
            "Data sets and runs were registered again from their folders, which were not changed. What was stored only in the "
            "database is lost: check the names of your data sets, and resume runs that were queued."
        )
        if account.left_out:
            number = formats.plural(len(account.left_out), "folder")
            sentences.append(f"{number} could not be registered; run python -m core doctor --repair to see which, and why.")
    if account.set_aside is not None:
        sentences.append(f"The file found in its place could not be read and was kept as {account.set_aside.name}.")
    with st.container(horizontal=True):
        if is_whole:
            st.info(markdown_text(" ".join(sentences), longest=1000), icon=_ICON, title=_TITLE)
        else:
            st.warning(markdown_text(" ".join(sentences), longest=1000), icon=_ICON, title=_TITLE)
        if st.button("Dismiss", key="catalogue-news"):
            st.session_state[_SEEN] = account.moment
            st.rerun()


def say_lost_folders() -> None:
    """On a page with nothing to list: whether the database was lost, and how to restore it."""
    number = state.workspace().database.num_lost_folders()
    if number:
        st.warning(
            f"This workspace has {formats.plural(number, 'folder')} of data sets and runs, but the database lists none of them. "
            "Run python -m core doctor --repair with the same TUNEBOARD_HOME, then reload this page.",
            icon=":material/find_in_page:",
            title="The database is empty",
        )
