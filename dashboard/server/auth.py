"""Who sits in front of a page: nobody in particular on one's own machine, else whoever has signed in or the proxy has named."""

import streamlit as st

from core.config.access import Access, AccessControl, User, is_loopback
from core.errors import UserError
from dashboard.server import security
from dashboard.shared.escaping import markdown_text


class NotSignedInError(UserError):
    """A page was asked for before anybody signed in."""


def current_user() -> User | None:
    """Who asks for this page, or None where nobody needs to sign in.

    Raises:
        NotSignedInError: they have not signed in yet.
        UserError: they may not come in, or the server was started so that this cannot be told.
    """
    access = Access.from_environment()
    if access.control is AccessControl.NONE:
        _check_that_only_this_machine_is_served()
        return None
    if not security.is_in_force():
        raise UserError(
            "People have to sign in here, which holds only if the dashboard is started by 'make run' or 'python -m dashboard'. "
            "Stop this server and start it so."
        )
    return _user_from_proxy(access) if access.control is AccessControl.PROXY else _user_from_provider(access)


def draw_sign_in() -> None:
    """The page of somebody who has not signed in yet."""
    st.title("Tuneboard", anchor=False)
    st.write("Sign in to see your data sets and runs.")
    st.button("Sign in", type="primary", on_click=st.login, key="sign-in")


def draw_signed_in(user: User) -> None:
    """Who is signed in, and the way out, at the foot of the menu."""
    with st.sidebar:
        role = ", administrator" if user.is_administrator else ""
        st.caption(f"Signed in as {markdown_text(user.name)}{role}")
        draw_way_out()


def draw_way_out() -> None:
    """A button to sign out, where signing in is the dashboard's business."""
    if Access.from_environment().control is AccessControl.OIDC and st.user.is_logged_in:
        st.button("Sign out", on_click=st.logout, key="sign-out", type="tertiary")


def _check_that_only_this_machine_is_served() -> None:
    address = st.get_option("server.address")
    if not is_loopback(address):
        raise UserError(
            f"This server listens on {address or 'every address of this machine'}, where others can reach it, and nobody has to "
            "sign in, so it shows nothing. Stop it and start it with 'make run', which listens on this machine only; "
            "SECURITY.md describes how to let others in."
        )


def _user_from_proxy(access: Access) -> User:
    """The guard has checked the proxy and that it names exactly one user who may come in."""
    user = access.user(st.context.headers.get(access.user_header) or "")
    if user is None:
        raise UserError("You are not one of those who may use this dashboard. Ask whoever runs it.")
    return user


def _user_from_provider(access: Access) -> User:
    if not st.user.is_logged_in:
        raise NotSignedInError("Nobody has signed in. Open the dashboard again and sign in.")
    return access.user_of_claims(st.user.to_dict())
