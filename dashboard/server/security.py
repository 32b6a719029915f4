"""Access control in front of Streamlit: one middleware for each rule, each of which can refuse a request.

Streamlit checks a token on uploads. This module adds what Streamlit leaves open: the ``Host`` of every request (DNS rebinding is
refused), the ``Origin`` of every request that has one (Streamlit compares names without ports, and would ask an internet server
for this machine's address to check an unknown name), the trusted proxy, sign-in for everything below a page, and blocked routes.
"""

import hmac
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.config.access import SECRET_HEADER, Access, AccessControl
from core.config.origins import Origin, parse_host, parse_origin
from core.errors import UserError
from dashboard.server.security_headers import SecurityHeaders
from dashboard.server.signed_cookie import claims_of

SHUT_ROUTES = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/script-health-check")
"""Streamlit's routes for programs: not needed here, and open to anyone who can reach the server."""

_FILES = ("/_stcore", "/media", "/component", "/app/static")
"""Paths below these are neither pages nor parts of Streamlit's own page."""

_OPEN_TO_ALL = ("/_stcore/stream", "/_stcore/health", "/_stcore/host-config")
"""What the sign-in page needs."""

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_PAGE_SITES = {"same-origin", "none"}
_WEBSOCKET_POLICY_VIOLATION = 1008
_LONGEST_SHOWN = 120

_log = logging.getLogger("tuneboard.guard")
_in_force = False


def is_in_force() -> bool:
    """Whether the access rules are enforced in this process."""
    return _in_force


def put_in_force() -> None:
    """Record for the pages that the access rules are enforced in this process."""
    global _in_force
    _in_force = True


def middleware(access: Access) -> list[Middleware]:
    """The middleware that enforces these rules, outermost first."""
    rules: list[type[RequestRule]] = [AllowedHosts, SameOrigin, ShutRoutes]
    if access.control is AccessControl.PROXY:
        rules.append(TrustedProxy)
    if access.control is AccessControl.OIDC:
        rules.append(SignedIn)
    return [Middleware(SecurityHeaders), *(Middleware(rule, access=access) for rule in rules)]


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused.

    Attributes:
        reason: for the client; the first line goes into the log.
        status: HTTP status of the response.
        detail: for the log only.
    """

    reason: str
    status: int = 403
    detail: str = ""


class RequestRule(ABC):
    """ASGI middleware that enforces one rule."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self.objection(HTTPConnection(scope))
        if refusal is None:
            await self._app(self.passed_on(scope), receive, send)
            return
        _log.warning("Refused a request (%d): %s%s", refusal.status, refusal.reason.partition("\n")[0], refusal.detail)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _WEBSOCKET_POLICY_VIOLATION, "reason": ""})
        else:
            await PlainTextResponse(f"{refusal.reason}\n", refusal.status)(scope, receive, send)

    @abstractmethod
    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Why a request is refused; None if it is allowed."""

    def passed_on(self, scope: Scope) -> Scope:
        """The scope of an allowed request as the next application receives it."""
        return scope


class AllowedHosts(RequestRule):
    """The ``Host`` header must be an allowed name.

    Starlette's own middleware reads only the first of several ``Host`` headers and cannot explain a refusal.
    """

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Exactly one host must be sent; one that cannot be parsed is refused."""
        sent = request.headers.getlist("host")
        asked = parse_host("http", sent[0]) if len(sent) == 1 else None
        if asked is not None and self._is_ours(asked.name.rstrip(".")):
            return None
        return Refusal(
            "The dashboard is not configured for this host name.\n"
            "The administrator can add the name in the address bar to TUNEBOARD_ALLOWED_HOSTS."
        )

    def _is_ours(self, name: str) -> bool:
        return any(
            name.endswith(known[1:]) and name != known[2:] if known.startswith("*.") else name == known
            for known in self._access.host_names
        )


class SameOrigin(RequestRule):
    """Requests must come from the dashboard's own origin, or from one that is configured for its proxy.

    WebSocket sessions must send their origin, as all browsers do. Other requests of the page itself need not.
    """

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Compare scheme, name and port together."""
        sent = request.headers.getlist("origin")
        refusal = Refusal(
            "This request came from another site (origin not allowed).",
            detail=f" Its origin is {', '.join(sent)[:_LONGEST_SHOWN]!r}; add a proxy's origin to TUNEBOARD_ALLOWED_ORIGINS.",
        )
        if (sent and self._own_origin(request) is None) or (not sent and request.scope["type"] == "websocket"):
            return refusal
        sites = request.headers.getlist("sec-fetch-site")
        if all(site in _PAGE_SITES for site in sites):
            return None
        # Any site may link to a page, and an identity provider redirects to one; no other site may embed or send anything.
        if not _is_below(path_of(request.scope), _FILES) and request.scope.get("method") in _SAFE_METHODS:
            return None
        return refusal

    def passed_on(self, scope: Scope) -> Scope:
        """Behind a proxy, ``Host`` as the browser has it, so that Streamlit recognises its own page without a lookup."""
        origin = self._own_origin(HTTPConnection(scope))
        if origin is None or scope["type"] != "websocket":
            return scope
        others = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
        return {**scope, "headers": [*others, (b"host", origin.host.encode("ascii"))]}

    def _own_origin(self, request: HTTPConnection) -> Origin | None:
        """The origin of the requesting page, if it is valid and allowed."""
        sent = request.headers.getlist("origin")
        origin = parse_origin(sent[0]) if len(sent) == 1 else None
        scheme = str(request.scope["scheme"])
        own = parse_host({"ws": "http", "wss": "https"}.get(scheme, scheme), request.headers.get("host", ""))
        return origin if origin is not None and (origin == own or origin in self._access.allowed_origins) else None


class ShutRoutes(RequestRule):
    """Routes that are not needed return 404."""

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Check the path."""
        return Refusal("Not found.", 404) if _is_below(path_of(request.scope), SHUT_ROUTES) else None


class TrustedProxy(RequestRule):
    """Every request must come from the proxy and name exactly one allowed user."""

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Check the peer address, the secret and the user."""
        access = self._access
        by_others = Refusal("The dashboard can only be reached through its proxy.")
        if not access.trusts_peer(request.client.host if request.client else None):
            return by_others
        if access.proxy_secret:
            sent = request.headers.getlist(SECRET_HEADER)
            if len(sent) != 1 or not hmac.compare_digest(sent[0].encode(), access.proxy_secret.encode()):
                return by_others
        named = request.headers.getlist(access.user_header)
        if len(named) != 1 or access.user(named[0]) is None:
            return Refusal("Your account has no access to this dashboard.")
        return None


class SignedIn(RequestRule):
    """Everything except the page and the sign-in routes needs the cookie of an allowed user."""

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Check the cookie where it is needed."""
        path = path_of(request.scope)
        if path in _OPEN_TO_ALL or not _is_below(path, _FILES):
            return None
        claims = claims_of(request.cookies)
        if not claims.get("is_logged_in"):
            return Refusal("Sign in to the dashboard first.")
        try:
            self._access.user_of_claims(claims)
        except UserError as error:
            return Refusal(f"Access denied.\n{error}")
        return None


def path_of(scope: Scope) -> str:
    """The path below Streamlit's configured ``server.baseUrlPath``, if any."""
    path: str = scope["path"]
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return path.removeprefix(f"/{base}") if base and f"{path}/".startswith(f"/{base}/") else path


def _is_below(path: str, routes: tuple[str, ...]) -> bool:
    return any(path == route or path.startswith(f"{route}/") for route in routes)
