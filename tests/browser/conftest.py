"""Real servers, one real Chromium, and tabs that record script errors, dialogs and foreign requests."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import Visitor, Watch

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Requests to other hosts are reported by the tests, and do not get there.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
PATIENCE_MS = 30_000

expect.set_options(timeout=PATIENCE_MS)

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each test has a context of its own in it."""
    executable = shutil.which("chromium")
    assert executable is not None, "The browser tests need Chromium on the PATH as 'chromium'; make browser installs it."
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Server]:
    """Starts a server on a new workspace, filled first if a function for that is given. The caller ends it."""

    def start(name: str, fill: Callable[[Server], object] | None = None) -> Server:
        server = Server(tmp_path_factory.mktemp(name) / "workspace")
        try:
            if fill is not None:
                fill(server)
            server.start()
        except BaseException:
            server.end()
            raise
        return server

    return start


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server]) -> Iterator[Server]:
    """The server shared by tests that do not change it; a test that trains waits for its run to end, or stops it."""
    started = start_server("shared")
    yield started
    started.end()


@pytest.fixture
def new_visitor(browser: Browser) -> Iterator[NewVisitor]:
    """Opens a context with one tab at a server's address; at the end, checks what the watch has recorded in all tabs."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_one(server: Server, *, color_scheme: str = "light") -> Visitor:
        context = browser.new_context(
            viewport={"width": 1280, "height": 900},
            color_scheme="dark" if color_scheme == "dark" else "light",
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        watch = Watch(context)
        opened.append((context, watch))
        return Visitor(context.new_page(), server.url)

    yield open_one
    for context, _ in opened:
        context.close()
    for _, watch in opened:
        watch.check()


@pytest.fixture
def visitor(new_visitor: NewVisitor, server: Server) -> Visitor:
    """A visitor with a new tab on the shared server."""
    return new_visitor(server)
