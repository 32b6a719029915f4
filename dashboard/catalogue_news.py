"""What a person should know of the catalogue itself: that it was made anew, or that it has lost what the folders still hold."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard import formats, state
from dashboard.escaping import markdown_text

_NEWS_FOR = timedelta(days=1)
_SEEN = "catalogue-news-seen"


def say_made_anew() -> None:
    """On every page, until it was read: that the file of the catalogue was gone or another one, and what was done."""
    account = state.workspace().catalogue.made_anew()
    if account is None or st.session_state.get(_SEEN) == account.moment or datetime.now(UTC) - account.moment > _NEWS_FOR:
        return
    sentences = [
        f"On {formats.day_and_time(account.moment)} its file was found deleted or replaced. No folder of a data set or run was "
        "touched."
    ]
    if account.num_datasets or account.num_runs:
        sentences.append(
            "What only the file knew could not all be had back: look at the names of your data sets, and resume runs "
            "that had been waiting."
        )
    else:
        sentences.append("Every data set and run is as it was.")
    if account.set_aside is not None:
        sentences.append(f"What lay in its place could not be read and was kept as {account.set_aside.name}.")
    if account.left_out:
        sentences.append(
            f"{formats.plural(len(account.left_out), 'folder')} could not be entered; python -m core doctor --repair says which "
            "and why."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            markdown_text(" ".join(sentences), longest=1000), icon=":material/restore_page:", title="The catalogue was made anew"
        )
        if st.button("Understood", key="catalogue-news"):
            st.session_state[_SEEN] = account.moment
            st.rerun()


def say_lost_folders() -> None:
    """On a page that has nothing to list: whether that is because the catalogue was lost, and how to have it back."""
    number = state.workspace().catalogue.num_lost_folders()
    if number:
        st.warning(
            f"{formats.plural(number, 'folder')} of data sets and runs lie in this workspace, but its catalogue has none of "
            "them. Run python -m core doctor --repair with the same TUNEBOARD_HOME, then open this page again.",
            icon=":material/find_in_page:",
            title="The catalogue is empty",
        )
