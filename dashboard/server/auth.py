"""The user of a page: None on one's own machine, else the user who signed in or whom the proxy named."""

import streamlit as st

from core.config.access import Access, AccessControl, User, is_loopback
from core.errors import UserError
from dashboard.server import security
from dashboard.shared.escaping import markdown_text


class NotSignedInError(UserError):
    """A page was requested without sign-in."""


def current_user() -> User | None:
    """The user of this page, or None where no sign-in is configured.

    Raises:
        NotSignedInError: the user has not signed in yet.
        UserError: access is denied, or the server was started in a way that cannot enforce sign-in.
    """
    access = Access.from_environment()
    if access.control is AccessControl.NONE:
        _check_that_only_this_machine_is_served()
        return None
    if not security.is_in_force():
        raise UserError(
            "Sign-in is configured, but it is enforced only if the dashboard is started with 'make run' or "
            "'python -m dashboard'. Stop this server and start it with one of these commands."
        )
    return _user_from_proxy(access) if access.control is AccessControl.PROXY else _user_from_provider(access)


def draw_sign_in() -> None:
    """The sign-in page."""
    st.title("Tuneboard", anchor=False)
    st.write("Sign in to see your data sets and runs.")
    st.button("Sign in", type="primary", on_click=st.login, key="sign-in")


def draw_signed_in(user: User) -> None:
    """The signed-in user and a button to sign out, at the bottom of the menu."""
    with st.sidebar:
        role = ", administrator" if user.is_administrator else ""
        st.caption(f"Signed in as {markdown_text(user.name)}{role}")
        draw_way_out()


def draw_way_out() -> None:
    """A button to sign out, where the dashboard itself handles sign-in (OIDC)."""
    if Access.from_environment().control is AccessControl.OIDC and st.user.is_logged_in:
        st.button("Sign out", on_click=st.logout, key="sign-out", type="tertiary")


def _check_that_only_this_machine_is_served() -> None:
    address = st.get_option("server.address")
    if not is_loopback(address):
        raise UserError(
            f"This server listens on {address or 'every address of this machine'}, where other machines can reach it, and no "
            "sign-in is configured. Stop it and start it with 'make run', which listens on this machine only. SECURITY.md "
            "describes how to give others access."
        )


def _user_from_proxy(access: Access) -> User:
    """The user the proxy named; the middleware has checked the proxy and that exactly one allowed user is named."""
    user = access.user(st.context.headers.get(access.user_header) or "")
    if user is None:
        raise UserError("Your account has no access to this dashboard. Ask its administrator.")
    return user


def _user_from_provider(access: Access) -> User:
    if not st.user.is_logged_in:
        raise NotSignedInError("You are not signed in. Open the dashboard again and sign in.")
    return access.user_of_claims(st.user.to_dict())
