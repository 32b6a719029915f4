"""Limits on open connections and on repeated log lines.

A process may have only so many files and connections open. At that limit nothing works, and Python logs a traceback for every
connection that it cannot accept: 24 MB within minutes. So the server stays below the limit, closes connections that send no
request, and rate-limits log lines that clients can trigger.
"""

import asyncio
import logging
import threading
import time

import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol

SILENT_S = 30.0
"""Time within which the first request of a connection must arrive."""

_MOST = 1000
_DESCRIPTORS = 4096
_RESERVED = 128
"""File descriptors for files, pipes to workers and the server's own requests."""

_NOISY = ("asyncio", "uvicorn.error", "tuneboard.guard", "tuneboard.connections")
_log = logging.getLogger("tuneboard.connections")


class BoundedHttpProtocol(H11Protocol):
    """A connection that is closed if there are too many or if it sends no request. WebSocket sessions count, too."""

    most = _MOST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the class above has it
        """Accept a connection, or close it."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            _log.warning("Refused a connection: %d connections are open, which is the limit.", self.most)
            transport.abort()
            return
        self.loop.call_later(SILENT_S, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if (
            getattr(self, "cycle", None) is None and self.transport.get_protocol() is self
        ):  # a session has another protocol by then
            self.transport.abort()


class SparingFilter(logging.Filter):
    """Lets a limited number of records of a logger through in each period, and counts the rest."""

    def __init__(self, most: int = 20, period_s: float = 60.0) -> None:
        super().__init__()
        self._most, self._period_s = most, period_s
        self._lock = threading.Lock()
        self._began, self._num = time.monotonic(), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        with self._lock:
            now = time.monotonic()
            left_out = self._num - self._most
            if now - self._began >= self._period_s:
                self._began, self._num = now, 0
                if left_out > 0:
                    record.msg, record.args = f"{record.getMessage()} ({left_out:,} more like this were not written.)", ()
            self._num += 1
            return self._num <= self._most


def prepare() -> None:
    """Apply these limits to the server that is started next."""
    BoundedHttpProtocol.most = max(16, min(_MOST, (_allowed_descriptors() - _RESERVED) // 2))
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{BoundedHttpProtocol.__name__}"
    for name in _NOISY:
        logging.getLogger(name).addFilter(SparingFilter())


def _allowed_descriptors() -> int:
    """How many file descriptors this process may have, after raising the soft limit to what a busy server needs."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return _DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = _DESCRIPTORS if hard == unlimited else min(_DESCRIPTORS, hard)
    if soft != unlimited and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return _DESCRIPTORS if soft == unlimited else soft
