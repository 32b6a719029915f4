"""What stands between the network and Streamlit: which requests are let through, and what every answer tells the browser.

Streamlit checks a token on uploads. This adds what it leaves open: the ``Host`` of every request (a foreign name that somebody
made to point here is refused), the ``Origin`` of its WebSocket (Streamlit would ask a server on the internet for this machine's
address to judge one it does not know), the proxy behind which users are known, routes nobody needs here, and headers that keep
the browser from fetching anything from elsewhere.
"""

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit

from core.access import SECRET_HEADER, Access, AccessControl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SHUT_ROUTES = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/script-health-check")
"""Streamlit's doors for programs: not needed here, and open to anybody who can reach the server."""

_KEPT_BY_NOBODY = ("/media", "/_stcore/upload_file")
_WEBSOCKET_POLICY_VIOLATION = 1008
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

_log = logging.getLogger("tuneboard.guard")
_in_force = False


def is_in_force() -> bool:
    """Whether this process serves behind a guard."""
    return _in_force


def put_in_force() -> None:
    """Note that this process serves behind a guard, for the pages to know."""
    global _in_force
    _in_force = True


class Guard:
    """ASGI middleware that refuses what the rules do not let in, and adds headers to what they do."""

    def __init__(self, app: AsgiApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(name.lower().rstrip(".") for name in access.allowed_hosts)
        self._headers = [(name.lower().encode(), value.encode()) for name, value in security_headers().items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        status, reason = self.verdict(scope)
        if status != 200:
            _log.warning("Refused a request (%d): %s", status, reason.partition("\n")[0])
            await self._refuse(scope, send, status, reason)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self._headers}
                kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in ours]
                message["headers"] = [*kept, *self._headers, *self._freshness(scope["path"])]
            await send(message)

        await self._app(_as_same_origin(scope), receive, send_with_headers)

    def verdict(self, scope: Scope) -> tuple[int, str]:
        """Whether a request is let through.

        Returns:
            200, or the status to answer with, and why.
        """
        if not self._is_host_allowed(_values(scope, "host")):
            return 403, (
                "This address is not one the dashboard answers to.\n"
                "Whoever runs it can add the name in the address bar to TUNEBOARD_ALLOWED_HOSTS."
            )
        if scope["type"] == "websocket" and not self._is_origin_ours(scope):
            return 403, "Another site asked for this connection."
        path = scope["path"]
        if any(path == route or path.startswith(f"{route}/") for route in SHUT_ROUTES):
            return 404, "There is nothing here."
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
            sites = _values(scope, "sec-fetch-site")
            if sites and sites[0] not in {"same-origin", "none"}:
                return 403, "Another site sent this request."
        if self._access.control is AccessControl.PROXY:
            return self._proxy_verdict(scope)
        return 200, ""

    def _proxy_verdict(self, scope: Scope) -> tuple[int, str]:
        client = scope.get("client")
        if not self._access.trusts_peer(client[0] if client else None):
            return 403, "The dashboard is reached through its proxy only."
        if self._access.proxy_secret:
            sent = _values(scope, SECRET_HEADER)
            if len(sent) != 1 or not hmac.compare_digest(sent[0].encode(), self._access.proxy_secret.encode()):
                return 403, "The dashboard is reached through its proxy only."
        named = _values(scope, self._access.user_header)
        if len(named) != 1 or self._access.user(named[0]) is None:
            return 403, "You are not one of those who may use this dashboard."
        return 200, ""

    def _is_host_allowed(self, sent: list[str]) -> bool:
        """Whether a browser asked for a name that is ours; exactly one is sent, and what cannot be read is not ours."""
        if len(sent) != 1:
            return False
        try:
            parts = urlsplit(f"//{sent[0]}")
            name, _ = parts.hostname, parts.port
        except ValueError:
            return False
        if not name or "@" in sent[0] or parts.path or parts.query or parts.fragment:
            return False
        return self._is_ours(name)

    def _is_origin_ours(self, scope: Scope) -> bool:
        """Whether a page of this server asks for a WebSocket; programs other than browsers do not say where they are."""
        sent = _values(scope, "origin")
        if not sent:
            return True
        try:
            origin, host = urlsplit(sent[0]), urlsplit(f"//{_values(scope, 'host')[0]}")
            name, port = origin.hostname, origin.port
        except ValueError:
            return False
        if len(sent) != 1 or origin.scheme not in {"http", "https"} or not name or not self._is_ours(name):
            return False
        # Another program of this machine that serves pages is another site; a proxy may leave out the port.
        return name != host.hostname or host.port is None or port == host.port

    def _is_ours(self, name: str) -> bool:
        name = name.lower().rstrip(".")
        return name in self._hosts or any(
            pattern.startswith("*.") and name.endswith(pattern[1:]) and name != pattern[2:] for pattern in self._hosts
        )

    def _freshness(self, path: str) -> list[tuple[bytes, bytes]]:
        return [(b"cache-control", b"no-store")] if path.startswith(_KEPT_BY_NOBODY) else []

    async def _refuse(self, scope: Scope, send: Send, status: int, reason: str) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _WEBSOCKET_POLICY_VIOLATION, "reason": ""})
            return
        content = (b"content-type", b"text/plain; charset=utf-8")
        await send({"type": "http.response.start", "status": status, "headers": [content, *self._headers]})
        await send({"type": "http.response.body", "body": f"{reason}\n".encode()})


def _as_same_origin(scope: Scope) -> Scope:
    """A connection whose origin was found to be ours, said so that Streamlit sees it at once, without a look-up of its own."""
    origin = _values(scope, "origin") if scope["type"] == "websocket" else []
    if not origin:
        return scope
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
    return {**scope, "headers": [*kept, (b"host", urlsplit(origin[0]).netloc.encode("latin-1"))]}


def security_headers() -> dict[str, str]:
    """What every answer tells the browser: fetch nothing from elsewhere, show this in nobody's frame, tell nobody where one was.

    The charts compile their drawing code in the browser, which needs ``unsafe-eval``; scripts in the page itself do not run, save
    the one that Streamlit's page brings along, which is named by its hash.
    """
    policy = {
        "default-src": "'self'",
        "script-src": f"'self' 'unsafe-eval' 'wasm-unsafe-eval' {_inline_scripts()}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "frame-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}".strip() for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }


def _inline_scripts() -> str:
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    digests = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page)]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _values(scope: Scope, name: str) -> list[str]:
    wanted = name.lower().encode()
    return [value.decode("latin-1") for header, value in scope["headers"] if header.lower() == wanted]
