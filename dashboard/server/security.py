"""Which requests are let through from the network to Streamlit: one rule a middleware, each of which can refuse.

Streamlit checks a token on uploads. This adds what it leaves open: the ``Host`` of every request (a foreign name that somebody
made to point here is refused), the ``Origin`` of whatever names one (Streamlit compares names without ports, and would ask a
server on the internet for this machine's address to judge a name it does not know), the proxy behind which users are known, the
sign-in that only its pages ask for, and routes nobody needs here.
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
"""Streamlit's doors for programs: not needed here, and open to anybody who can reach the server."""

_FILES = ("/_stcore", "/media", "/component", "/app/static")
"""Below these lies whatever is not a page or part of Streamlit's own page."""

_OPEN_TO_ALL = ("/_stcore/stream", "/_stcore/health", "/_stcore/host-config")
"""What the page needs on which people sign in."""

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_PAGE_SITES = {"same-origin", "none"}
_WEBSOCKET_POLICY_VIOLATION = 1008
_LONGEST_SHOWN = 120

_log = logging.getLogger("tuneboard.guard")
_in_force = False


def is_in_force() -> bool:
    """Whether this process serves behind a guard."""
    return _in_force


def put_in_force() -> None:
    """Note that this process serves behind a guard, for the pages to know."""
    global _in_force
    _in_force = True


def middleware(access: Access) -> list[Middleware]:
    """What guards a server with these rules, outermost first."""
    rules: list[type[RequestRule]] = [AllowedHosts, SameOrigin, ShutRoutes]
    if access.control is AccessControl.PROXY:
        rules.append(TrustedProxy)
    if access.control is AccessControl.OIDC:
        rules.append(SignedIn)
    return [Middleware(SecurityHeaders), *(Middleware(rule, access=access) for rule in rules)]


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let through.

    Attributes:
        reason: for whoever asked; the first line goes into the log.
        status: of the answer.
        detail: for the log alone.
    """

    reason: str
    status: int = 403
    detail: str = ""


class RequestRule(ABC):
    """ASGI middleware that refuses what one rule does not let in."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
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
        """Why a request is refused; None where it is let through."""

    def passed_on(self, scope: Scope) -> Scope:
        """A request that is let through, as whatever comes next sees it."""
        return scope


class AllowedHosts(RequestRule):
    """Browsers must have asked for a name that is ours.

    Starlette's own middleware looks at the first of several ``Host`` headers only and cannot say what to do about a refusal.
    """

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Exactly one host is sent; what cannot be read is not ours."""
        sent = request.headers.getlist("host")
        asked = parse_host("http", sent[0]) if len(sent) == 1 else None
        if asked is not None and self._is_ours(asked.name.rstrip(".")):
            return None
        return Refusal(
            "This address is not one the dashboard answers to.\n"
            "Whoever runs it can add the name in the address bar to TUNEBOARD_ALLOWED_HOSTS."
        )

    def _is_ours(self, name: str) -> bool:
        return any(
            name.endswith(known[1:]) and name != known[2:] if known.startswith("*.") else name == known
            for known in self._access.host_names
        )


class SameOrigin(RequestRule):
    """A page that asks must be of the dashboard's own origin, or of one that a proxy was configured to show it under.

    Sessions (WebSockets) must say their origin, as those of all browsers do. Other requests of a page's own need not.
    """

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Compare scheme, name and port together."""
        sent = request.headers.getlist("origin")
        refusal = Refusal(
            "Another site sent this request.",
            detail=f" Its origin is {', '.join(sent)[:_LONGEST_SHOWN]!r}; a proxy's is named in TUNEBOARD_ALLOWED_ORIGINS.",
        )
        if (sent and self._own_origin(request) is None) or (not sent and request.scope["type"] == "websocket"):
            return refusal
        sites = request.headers.getlist("sec-fetch-site")
        if all(site in _PAGE_SITES for site in sites):
            return None
        # Anybody may link to a page of the dashboard, and a provider leads back to one; nobody embeds or sends anything.
        if not _is_below(path_of(request.scope), _FILES) and request.scope.get("method") in _SAFE_METHODS:
            return None
        return refusal

    def passed_on(self, scope: Scope) -> Scope:
        """Behind a proxy, ``Host`` as the browser has it, so that Streamlit sees its own page without a look-up."""
        origin = self._own_origin(HTTPConnection(scope))
        if origin is None or scope["type"] != "websocket":
            return scope
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
        return {**scope, "headers": [*kept, (b"host", origin.host.encode("ascii"))]}

    def _own_origin(self, request: HTTPConnection) -> Origin | None:
        """The origin of the page that asks, if it is one and ours."""
        sent = request.headers.getlist("origin")
        origin = parse_origin(sent[0]) if len(sent) == 1 else None
        scheme = str(request.scope["scheme"])
        own = parse_host({"ws": "http", "wss": "https"}.get(scheme, scheme), request.headers.get("host", ""))
        return origin if origin is not None and (origin == own or origin in self._access.allowed_origins) else None


class ShutRoutes(RequestRule):
    """Routes nobody needs here are not there."""

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Look at the path."""
        return Refusal("There is nothing here.", 404) if _is_below(path_of(request.scope), SHUT_ROUTES) else None


class TrustedProxy(RequestRule):
    """Every request must come from the proxy and name exactly one user who may come in."""

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Look at where it comes from, at the secret, and at the user."""
        access = self._access
        by_others = Refusal("The dashboard is reached through its proxy only.")
        if not access.trusts_peer(request.client.host if request.client else None):
            return by_others
        if access.proxy_secret:
            sent = request.headers.getlist(SECRET_HEADER)
            if len(sent) != 1 or not hmac.compare_digest(sent[0].encode(), access.proxy_secret.encode()):
                return by_others
        named = request.headers.getlist(access.user_header)
        if len(named) != 1 or access.user(named[0]) is None:
            return Refusal("You are not one of those who may use this dashboard.")
        return None


class SignedIn(RequestRule):
    """Everything but the page, signing in and coming back from it needs the cookie of somebody who may come in."""

    def objection(self, request: HTTPConnection) -> Refusal | None:
        """Look at the cookie where it is needed."""
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
    """The path below the folder of the address that Streamlit was told to serve under, if any."""
    path: str = scope["path"]
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return path.removeprefix(f"/{base}") if base and f"{path}/".startswith(f"/{base}/") else path


def _is_below(path: str, routes: tuple[str, ...]) -> bool:
    return any(path == route or path.startswith(f"{route}/") for route in routes)
