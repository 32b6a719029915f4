"""What a person should know of the catalogue itself: that it was made anew, or that it has lost what the folders still hold."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard.shared import formats, state
from dashboard.shared.escaping import markdown_text

_NEWS_FOR = timedelta(days=1)
_SEEN = "catalogue-news-seen"
_TITLE, _ICON = "The catalogue was made anew", ":material/restore_page:"


def say_made_anew() -> None:
    """On every page, until it was read: that the file of the catalogue was gone or another one, and what was done."""
    account = state.workspace().catalogue.made_anew()
    if account is None or st.session_state.get(_SEEN) == account.moment or datetime.now(UTC) - account.moment > _NEWS_FOR:
        return
    is_whole = account.num_carried > 0 or not (account.num_datasets or account.num_runs or account.left_out)
    sentences = [f"On {formats.day_and_time(account.moment)} its file was found deleted or replaced."]
    if is_whole:
        sentences.append("Nothing is lost: every data set and run is as it was.")
    else:
        sentences.append(
            "What lies in the folders was entered again, and nothing there was touched. What only the file knew is lost: look at "
            "the names of your data sets, and resume runs that had been waiting."
        )
        if account.left_out:
            number = formats.plural(len(account.left_out), "folder")
            sentences.append(f"{number} could not be entered; python -m core doctor --repair says which, and why.")
    if account.set_aside is not None:
        sentences.append(f"What lay in its place could not be read and was kept as {account.set_aside.name}.")
    with st.container(horizontal=True):
        if is_whole:
            st.info(markdown_text(" ".join(sentences), longest=1000), icon=_ICON, title=_TITLE)
        else:
            st.warning(markdown_text(" ".join(sentences), longest=1000), icon=_ICON, title=_TITLE)
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
