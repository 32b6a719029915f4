"""Signing in with an identity provider and out again, as a browser does it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.safety.identity_provider import CLIENT, provider
from tests.safety.knocking import free_port, serving
from tests.safety.test_who_may_come_in import NAMES, SECRET, fill

pytestmark = pytest.mark.browser


def test_a_person_signs_in_sees_the_dashboard_and_signs_out(browser: Browser, tmp_path: Path) -> None:
    fill(tmp_path)
    port = free_port()
    (tmp_path / ".streamlit").mkdir()
    with provider("ada@example.org") as description:
        (tmp_path / ".streamlit" / "secrets.toml").write_text(
            f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{SECRET}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "y"\nserver_metadata_url = "{description}"\n'
        )
        command = ["dashboard", "--headless", "--port", "PORT"]
        with serving(tmp_path, command, port=port, TUNEBOARD_ACCESS="oidc", **NAMES), browser.new_context() as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.get_by_role("button", name="Sign in").click()

            expect(page.get_by_text("Signed in as ada")).to_be_visible()
            expect(page.get_by_role("heading", name="Add a data set")).to_be_visible()  # beside what is there already

            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
