"""How much one session may have in the server's memory: so many files and so many bytes, those on their way included.

Streamlit limits the size of each file, and keeps all of a session's until its page is closed.
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
    """Files of one session on their way, by a number of their own -> bytes."""

    sizes: dict[int, int] = field(default_factory=dict)
    last: int = 0


class UploadLimits:
    """ASGI middleware that refuses uploads beyond what a session may hold."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._max_files, self._max_bytes = settings.max_session_files, settings.max_session_bytes
        self._arriving: dict[str, _Arriving] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; count an upload while it arrives, and end it where it becomes too much."""
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
                    f"This page has uploaded {self._max_files} files, the most it may hold at a time "
                    "(TUNEBOARD_MAX_SESSION_FILES). Load it again to start afresh."
                )
            if sum(held.values()) + sum(arriving.sizes.values()) > self._max_bytes:
                return (
                    f"The files of this page would be larger than {self._max_bytes // _MIB} MiB, the most it may hold at a time "
                    "(TUNEBOARD_MAX_SESSION_MIB). Load it again to start afresh."
                )
            return ""

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if said := objection():
                raise HTTPException(_TOO_LARGE, said)
            return message

        try:
            if said := objection():
                await PlainTextResponse(f"{said}\n", _TOO_LARGE)(scope, receive, send)
            else:
                await self._app(scope, counted, send)
        finally:
            del arriving.sizes[number]
            if not arriving.sizes:
                self._arriving.pop(session, None)


def _held_by(session: str) -> Mapping[str, int]:
    """Files of a session that have arrived -> their bytes."""
    manager = runtime.get_instance().uploaded_file_mgr if runtime.exists() else None
    if not isinstance(manager, MemoryUploadedFileManager):
        return {}
    return {name: len(file.data) for name, file in dict(manager.file_storage.get(session, {})).items()}
