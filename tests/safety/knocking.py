"""A server as people start it, and a client that sends what a browser would send."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.sync.client import ClientConnection, connect

from core.config.settings import PROJECT_ROOT

_PATIENCE_S = 40.0


class _Visit(ClientConnection):
    """A connection whose ``Host`` is the one it is told, where it is told one, and not another one beside it."""

    def handshake(self, additional_headers: Any = None, *others: Any, **more: Any) -> None:
        """Say hello."""
        headers = dict(additional_headers or {})
        host = headers.pop("Host", None)
        say = self.protocol.connect

        def connect() -> Request:
            request = say()
            if host is not None:
                del request.headers["Host"]
                request.headers["Host"] = host
            return request

        self.protocol.connect = connect  # type: ignore[method-assign]
        super().handshake(headers, *others, **more)


@dataclass(frozen=True)
class Served:
    """A server at work.

    Attributes:
        port: where it listens, on 127.0.0.1.
        log: what it has printed.
    """

    port: int
    log: Path

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
                return answer.status, answer.read().decode(errors="replace"), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace"), error.headers

    def page(
        self, path: str = "", headers: Mapping[str, str] | None = None, origin: str | None = None, token: str | None = None
    ) -> str | int:
        """All that a page sends to the browser, as text; or the status if the connection is refused.

        Args:
            path: of the page; the first one if empty.
            headers: what the browser sends besides.
            origin: where the page comes from; the address that is asked unless told otherwise.
            token: against forged requests, which a cookie must match.
        """
        try:
            with self._session(dict(headers or {}), origin or self._own_origin(headers), token) as stream:
                asked = BackMsg()
                asked.rerun_script.query_string = ""
                asked.rerun_script.page_name = path
                stream.send(asked.SerializeToString())
                received = bytearray()
                deadline = time.monotonic() + _PATIENCE_S
                while True:
                    message = stream.recv(timeout=max(0.1, deadline - time.monotonic()))
                    assert isinstance(message, bytes)
                    received += message
                    told = ForwardMsg.FromString(message)
                    if told.WhichOneof("type") == "script_finished":
                        return received.decode(errors="replace")
        except InvalidStatus as refused:
            return refused.response.status_code

    def knock(self, headers: Mapping[str, str] | None = None, *, origin: str | None) -> int:
        """The status with which a session of a page of this origin is opened (101) or refused; no page is asked for."""
        try:
            with self._session(dict(headers or {}), origin, None):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    @contextmanager
    def session_id(self) -> Iterator[str]:
        """A session that stays open; its id, which a browser learns with its first page."""
        with self._session({}, self._own_origin(None), None) as stream:
            asked = BackMsg()
            asked.rerun_script.query_string = ""
            stream.send(asked.SerializeToString())
            while True:
                message = stream.recv(timeout=_PATIENCE_S)
                assert isinstance(message, bytes)
                told = ForwardMsg.FromString(message)
                if told.WhichOneof("type") == "new_session":
                    yield told.new_session.initialize.session_id
                    return

    def _own_origin(self, headers: Mapping[str, str] | None) -> str:
        return f"http://{(headers or {}).get('Host', f'127.0.0.1:{self.port}')}"

    def _session(self, headers: dict[str, str], origin: str | None, token: str | None) -> ClientConnection:
        spoken = [name for name in ("streamlit", token) if name]
        return connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            origin=origin,  # type: ignore[arg-type] # a NewType of str, for no use to us
            additional_headers=headers,
            subprotocols=spoken,  # type: ignore[arg-type] # likewise
            max_size=None,
            proxy=None,
            open_timeout=_PATIENCE_S,
            create_connection=_Visit,
        )


@contextmanager
def serving(folder: Path, command: Sequence[str], port: int | None = None, **variables: str) -> Iterator[Served]:
    """Start a server with these variables and wait until it listens; ended afterwards, whatever happens."""
    port = port or free_port()
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *(part.replace("PORT", str(port)) for part in command)],
            cwd=folder,
            env=surroundings(folder) | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _listens(port):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)  # between two looks, not for luck
        yield Served(port, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a server that knows nothing of the developer's own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TUNEBOARD_", "STREAMLIT_", "PYTEST_"))}
    return own | {
        "TUNEBOARD_HOME": str(folder / "workspace"),
        "TUNEBOARD_THREADS": "1",
        "PYTHONPATH": str(PROJECT_ROOT),
        "HF_HUB_OFFLINE": "1",
    }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
