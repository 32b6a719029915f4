"""A server that is flooded with connections stays up, keeps its log short and answers again."""

import asyncio
import logging
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvicorn

from dashboard.server import connections
from dashboard.server.connections import BoundedHttpProtocol, SparingFilter
from tests.safety.knocking import Served, serving


def idle_connections(server: Served, number: int, opened: ExitStack) -> None:
    """Connections that say nothing."""
    for _ in range(number):
        one = opened.enter_context(socket.socket())
        one.settimeout(5)
        one.connect(("127.0.0.1", server.port))


def test_connections_without_end_fill_no_log_and_stop_no_server(tmp_path: Path) -> None:
    with serving(tmp_path, ["tests.safety.few_descriptors", "--headless", "--port", "PORT"]) as server:
        assert server.get("/")[0] == 200
        with ExitStack() as opened:
            idle_connections(server, 900, opened)
            deadline = time.monotonic() + 3.5  # Python tries again once a second
            while time.monotonic() < deadline:
                time.sleep(0.1)
            assert server.log.stat().st_size < 50_000, server.log.read_text()[-2000:]
        deadline = time.monotonic() + 20
        while not is_answered(server) and time.monotonic() < deadline:
            time.sleep(0.1)  # between two looks
        assert server.get("/")[0] == 200
        assert server.knock(origin=f"http://127.0.0.1:{server.port}") == 101


def is_answered(server: Served) -> bool:
    try:
        return server.get("/_stcore/health")[0] == 200
    except OSError:
        return False


async def answer(scope: object, receive: object, send: object) -> None:
    """An application that says a word."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


def test_only_so_many_connections_are_held_and_silent_ones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttpProtocol, "most", 3)
    monkeypatch.setattr(connections, "SILENT_S", 0.4)
    config = uvicorn.Config(answer, http=BoundedHttpProtocol, lifespan="off", log_config=None)  # type: ignore[arg-type]

    async def visit() -> None:
        server = uvicorn.Server(config)
        config.load()
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            lambda: BoundedHttpProtocol(config=config, server_state=server.server_state, app_state={}), "127.0.0.1", 0
        )
        port = listening.sockets[0].getsockname()[1]
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
        for reader, writer in silent:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 5)
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200" in await asyncio.wait_for(reader.readline(), 5)
        await asyncio.sleep(0.6)  # longer than a silent one is kept; this one has asked
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        rest = await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        assert b"200 OK" in rest + await asyncio.wait_for(reader.readuntil(b"ok"), 5)
        writer.close()
        listening.close()
        await listening.wait_closed()

    asyncio.run(asyncio.wait_for(visit(), 20))


def test_what_is_said_over_and_over_is_said_a_few_times_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.noisy")
    sparing = SparingFilter(most=3, period_s=0.2)
    logger.addFilter(sparing)
    for number in range(1000):
        logger.warning("again %d", number)
    assert [record.getMessage() for record in caplog.records] == ["again 0", "again 1", "again 2"]
    deadline = time.monotonic() + 5
    while len(caplog.records) < 4 and time.monotonic() < deadline:
        logger.warning("again")
        time.sleep(0.01)
    assert "more like this were not written" in caplog.records[3].getMessage()


def test_connections_stay_below_what_the_process_may_have_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.config, "HTTP_PROTOCOLS", dict(uvicorn.config.HTTP_PROTOCOLS))
    monkeypatch.setattr(connections, "_NOISY", ())
    for allowed, most in ((4096, 1000), (1024, 448), (256, 64), (64, 16)):
        monkeypatch.setattr(connections, "_allowed_descriptors", lambda allowed=allowed: allowed)
        monkeypatch.setattr(BoundedHttpProtocol, "most", 0)
        connections.prepare()
        assert BoundedHttpProtocol.most == most
    config = uvicorn.Config(answer)
    config.load()
    assert config.http_protocol_class is BoundedHttpProtocol, "uvicorn takes ours where nobody names another"
