"""Limits on what one session may hold in the server's memory: number of files and bytes, including uploads in progress.

Streamlit limits only the size of each file, and keeps all files of a session until its page is closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from core.config.settings import Settings
from dashboard.server.security import path_of

_UPLOADS = "/_stcore/upload_file/"
_TOO_LARGE = 413
_MIB = 1024 * 1024


@dataclass
class _Arriving:
    """Uploads of one session in progress: own number -> bytes."""

    sizes: dict[int, int] = field(default_factory=dict)
    last: int = 0


class UploadLimits:
    """ASGI middleware that refuses uploads beyond the limits of a session."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_files, self._max_bytes = settings.max_session_files, settings.max_session_bytes
        self._arriving: dict[str, _Arriving] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; count an upload while it arrives, and abort it when it exceeds a limit."""
        if scope["type"] != "http" or scope["method"] != "PUT" or not path_of(scope).startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        session, _, file = path_of(scope).removeprefix(_UPLOADS).partition("/")
        arriving = self._arriving.setdefault(session, _Arriving())
        arriving.last += 1
        number = arriving.last
        announced = HTTPConnection(scope).headers.get("content-length", "")
        size = int(announced) if announced.isascii() and announced.isdecimal() and len(announced) < 16 else 0
        arriving.sizes[number] = 0
        received = 0

        def objection() -> str:
            arriving.sizes[number] = max(size, received)
            held = {name: length for name, length in _held_by(session).items() if name != file}
            if len(held) + len(arriving.sizes) > self._max_files:
                return (
                    f"This page already holds {self._max_files} files, which is the limit for uploads "
                    "(TUNEBOARD_MAX_SESSION_FILES). Reload the page to remove them."
                )
            if sum(held.values()) + sum(arriving.sizes.values()) > self._max_bytes:
                return (
                    f"The uploaded files of this page would take more than {self._max_bytes // _MIB} MiB, which is the limit "
                    "(TUNEBOARD_MAX_SESSION_MIB). Reload the page to remove them."
                )
            return ""

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if reason := objection():
                raise HTTPException(_TOO_LARGE, reason)
            return message

        try:
            if reason := objection():
                await PlainTextResponse(f"{reason}\n", _TOO_LARGE)(scope, receive, send)
            else:
                await self._app(scope, counted, send)
        finally:
            del arriving.sizes[number]
            if not arriving.sizes:
                self._arriving.pop(session, None)


def _held_by(session: str) -> Mapping[str, int]:
    """Complete uploads of a session -> their bytes."""
    manager = runtime.get_instance().uploaded_file_mgr if runtime.exists() else None
    if not isinstance(manager, MemoryUploadedFileManager):
        return {}
    return {name: len(file.data) for name, file in dict(manager.file_storage.get(session, {})).items()}
