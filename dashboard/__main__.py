"""Starts the dashboard: ``python -m dashboard`` from the root of the repository, which is what ``make run`` does."""

import argparse
import asyncio
import dataclasses
import logging
import os
import sys
import threading
import tomllib
import webbrowser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit.auth_util import is_authlib_installed

from core.config.access import Access, AccessControl
from core.config.origins import parse_origin
from core.config.settings import Settings
from core.errors import UserError
from dashboard.server import connections, security
from dashboard.server.upload_limits import UploadLimits

APP = Path(__file__).resolve().parent / "app.py"

_SHORTEST_SECRET = 24
_PRUNE_EVERY_S = 3600.0

_log = logging.getLogger("tuneboard.server")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the configuration, and serve the dashboard until it is stopped.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m dashboard", description="Start Tuneboard's dashboard.")
    parser.add_argument("--address", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8501)")
    parser.add_argument("--headless", action="store_true", help="do not open a browser")
    given = parser.parse_args(arguments)
    try:
        overrides = {name: value for name, value in (("address", given.address), ("port", given.port)) if value is not None}
        access = dataclasses.replace(Access.from_environment(), **overrides)
        provider = _identity_provider()
        access.check_start(can_sign_in=bool(provider))
        access, notice = with_own_origins(access, str(provider.get("redirect_uri", "")))
        settings = Settings.from_environment()
    except UserError as error:
        print(f"Tuneboard cannot start. {error}", file=sys.stderr)
        return 2
    if notice:
        print(notice, file=sys.stderr)
    _serve(access, settings, is_headless=given.headless)
    return 0


def _identity_provider() -> dict[str, Any]:
    """Streamlit's ``[auth]`` section; empty unless it is complete and Authlib, which talks to the provider, is installed."""
    for folder in (Path.cwd(), Path.home()):
        try:
            secrets = tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        auth = secrets.get("auth")
        if isinstance(auth, dict) and auth.get("redirect_uri") and len(str(auth.get("cookie_secret", ""))) >= _SHORTEST_SECRET:
            return auth if is_authlib_installed() else {}
    return {}


def with_own_origins(access: Access, redirect_uri: str) -> tuple[Access, str]:
    """Access rules with the origins that follow from the rest of the configuration, and a notice to print, if any.

    The provider's redirect URI has the same origin as the dashboard has in people's browsers.
    """
    scheme, _, rest = redirect_uri.partition("://")
    origin = parse_origin(f"{scheme}://{rest.partition('/')[0]}") if access.control is AccessControl.OIDC else None
    if origin is not None:
        access = dataclasses.replace(access, allowed_origins=tuple(dict.fromkeys([*access.allowed_origins, origin])))
    return access.with_proxy_origins()


def _serve(access: Access, settings: Settings, *, is_headless: bool) -> None:
    # The peer address must be the real one of the connection, not one that a header claims.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    options = {
        "server.address": access.address,
        "server.port": access.port,
        "server.allowedHosts": list(access.host_names),
        "server.maxUploadSize": settings.max_upload_mib,
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableAgentApi": False,
        "server.enableStaticServing": False,
        # Streamlit's own CSV export, a button above every table, does not guard formulas; our downloads do.
        "client.disableDataExport": True,
        "browser.gatherUsageStats": False,
        # Streamlit prints this name. Without it, Streamlit would ask an internet server for this machine's address.
        "browser.serverAddress": access.shown_as,
    }

    @asynccontextmanager
    async def opened(_: st.App) -> AsyncIterator[None]:
        from dashboard.shared import state  # its caches need a running server

        pruning = asyncio.create_task(_prune_uploads(settings), name="prune-uploads")
        with suppress(UserError):  # the pages show why it cannot be opened
            state.whole_workspace(settings)  # queued runs start even if no page is open
        if not is_headless and not st.get_option("server.headless") and access.control is AccessControl.NONE:
            threading.Thread(target=webbrowser.open, args=(f"http://{access.shown_as}:{access.port}",), daemon=True).start()
        yield
        pruning.cancel()

    security.put_in_force()
    connections.prepare()
    app = st.App(APP, middleware=[*security.middleware(access), Middleware(UploadLimits, settings=settings)], lifespan=opened)
    app.run(config=options)


async def _prune_uploads(settings: Settings) -> None:
    """Remove abandoned uploads now and every hour."""
    from dashboard.data.importing import uploads  # like the state it uses, it needs a running server

    while True:
        try:
            await asyncio.to_thread(uploads.prune, settings.uploads_folder)
        except OSError as error:
            _log.warning("Abandoned uploads could not be removed: %s", error.strerror)
        await asyncio.sleep(_PRUNE_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
