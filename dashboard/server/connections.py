"""How many connections the server holds, and how often it says the same in its log.

A process may have so many files and connections open and no more. At that limit nothing works, and for every connection that it
cannot take, Python writes a traceback: 24 MB within minutes. So the server keeps below the limit, lets go of connections that say
nothing, and whatever others can make it say over and over is said a few times a minute.
"""

import asyncio
import logging
import threading
import time

import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol

SILENT_S = 30.0
"""How long a connection may take until its first request has arrived."""

_MOST = 1000
_DESCRIPTORS = 4096
_RESERVED = 128
"""Descriptors for files, pipes to workers and what the server asks of others."""

_NOISY = ("asyncio", "uvicorn.error", "tuneboard.guard", "tuneboard.connections")
_log = logging.getLogger("tuneboard.connections")


class BoundedHttpProtocol(H11Protocol):
    """A connection that is ended where there are too many, or where it says nothing. Sessions are counted, too."""

    most = _MOST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the class above has it
        """Take a connection, or end it."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            _log.warning("%d connections are open, the most there may be. Another one was refused.", self.most)
            transport.abort()
            return
        self.loop.call_later(SILENT_S, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if (
            getattr(self, "cycle", None) is None and self.transport.get_protocol() is self
        ):  # a session has another protocol by then
            self.transport.abort()


class SparingFilter(logging.Filter):
    """Lets so many records of a logger through in each period, and says of the others how many there were."""

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
    """Make the server that is started next keep to these limits."""
    BoundedHttpProtocol.most = max(16, min(_MOST, (_allowed_descriptors() - _RESERVED) // 2))
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{BoundedHttpProtocol.__name__}"
    for name in _NOISY:
        logging.getLogger(name).addFilter(SparingFilter())


def _allowed_descriptors() -> int:
    """How many descriptors this process may have, after asking for as many as a busy server needs."""
    try:
        import resource
    except ImportError:  # Windows, where no such limit is in the way
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
