"""Security headers of every response: no foreign content, no embedding or reading by other sites, no caching of files."""

import base64
import hashlib
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NEVER_CACHED = ("/media", "/_stcore/upload_file")


class SecurityHeaders:
    """ASGI middleware that sets the headers of every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = security_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and set the headers of its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                # Streamlit allows origins by host name alone (CORS); no other origin may read a response.
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]
                headers.update(self._headers)
                if scope["path"].startswith(_NEVER_CACHED):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send if scope["type"] == "lifespan" else send_with_headers)


def security_headers() -> dict[str, str]:
    """Headers that forbid foreign content, framing by other sites, and referrers.

    The charts compile their drawing code in the browser, which needs ``unsafe-eval``. Inline scripts do not run, except the one
    in Streamlit's own page, which is allowed by its hash.
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
    scripts = [after.partition("</script>")[0] for after in page.split("<script>")[1:]]
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
