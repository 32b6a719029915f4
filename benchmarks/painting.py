"""Time until a page is rendered in a real Chromium, by the browser's own clock, which starts with the navigation.

Each page is opened in a new browser with an empty cache, again in the same browser in a new tab, and from another page of the
dashboard through its menu.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from benchmarks.quality import ROOT

PORT = 8687
START_S = 60.0
PATIENCE_MS = 60_000
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ELSEWHERE = "Train"

ON_SCREEN = {
    "runs": '[data-testid="stDataFrame"] canvas[data-testid="data-grid-canvas"]',
    "run": '[class*="st-key-loss-"] svg.marks path',
    "results": '[class*="st-key-matrix-"] .js-plotly-plot .xtick text, [data-testid="stDataFrame"] canvas',
    "predict": '[data-testid="stTextArea"] textarea',
    "no run": '[data-testid="stHeading"] h3',
}
"""What a person waits for on a page."""

# A canvas counts as rendered once there is text in its first rows.
_WATCH = """() => {
    window.drawn = null;
    const hasLetters = canvas => {
        if (canvas.width < 300 || canvas.height < 120) return false;
        const pixels = canvas.getContext('2d').getImageData(100, 45, Math.min(500, canvas.width - 120), 60).data;
        let low = 255, high = 0;
        for (let at = 0; at < pixels.length; at += 16)
            if (pixels[at + 3] > 200) { low = Math.min(low, pixels[at]); high = Math.max(high, pixels[at]); }
        return high - low > 80;
    };
    const look = () => {
        const place = document.querySelector(WANTED);
        if (place && (place.tagName !== 'CANVAS' || hasLetters(place))) window.drawn = performance.now();
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Visit:
    """Seconds until the first contentful paint, and until the awaited content is on screen."""

    painted: float
    drawn: float


@dataclass(frozen=True)
class Painted:
    """Medians of several visits of one page.

    Attributes:
        cold: in browsers with an empty cache.
        warm: in a new tab of a browser that has visited the page before.
        within: seconds from a click in the dashboard's menu; ``None`` for a page that is not in the menu.
    """

    cold: Visit
    warm: Visit
    within: float | None


def paint(page: str, query: dict[str, str], repeats: int, *, wanted: str = "") -> Painted:
    """Open a page repeatedly on a server of its own, which has rendered every page once before.

    Args:
        page: its name in the URL.
        query: query parameters of the URL.
        repeats: number of browsers, and of new tabs in the last of them.
        wanted: content to wait for, a key of ``ON_SCREEN``; by default the page's own.
    """
    from playwright.sync_api import sync_playwright

    selector = ON_SCREEN[wanted or page]
    address = f"http://127.0.0.1:{PORT}/{page}?" + "&".join(f"{name}={value}" for name, value in query.items())
    server = _start_server()
    cold, warm, within = [], [], []
    try:
        with sync_playwright() as playwright:
            for number in range(repeats + 1):
                with tempfile.TemporaryDirectory() as profile:
                    browser = playwright.chromium.launch_persistent_context(
                        profile,
                        executable_path=shutil.which("chromium"),
                        args=CHROMIUM,
                        viewport={"width": 1280, "height": 900},
                    )
                    browser.add_init_script(f"({_WATCH.replace('WANTED', repr(selector))})()")
                    cold.append(_visit(browser, address))
                    if number == repeats:
                        warm = [_visit(browser, address) for _ in range(repeats + 1)][1:]
                        within = (
                            [_from_elsewhere(browser, page, selector) for _ in range(repeats)] if not (query or wanted) else []
                        )
                    browser.close()
    finally:
        server.terminate()
        server.wait()
    return Painted(_median(cold[1:]), _median(warm), statistics.median(within) if within else None)


def _visit(browser: Any, address: str) -> Visit:
    tab = browser.new_page()
    tab.goto(address, wait_until="commit")
    tab.wait_for_function(f"() => window.drawn && ({_FIRST_PAINT})()", timeout=PATIENCE_MS)
    visit = Visit(tab.evaluate(_FIRST_PAINT) / 1000, tab.evaluate("() => window.drawn") / 1000)
    tab.close()
    return visit


def _from_elsewhere(browser: Any, page: str, selector: str) -> float:
    tab = browser.new_page()
    tab.goto(f"http://127.0.0.1:{PORT}/{ELSEWHERE.lower()}")
    tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"] h1', timeout=PATIENCE_MS)
    link = tab.get_by_test_id("stSidebarNavLink").filter(has_text=page.capitalize())
    tab.evaluate(
        "watch => document.addEventListener('click', () => { window.clicked = performance.now(); eval(watch)(); }, {once: true})",
        _WATCH.replace("WANTED", repr(selector)),
    )
    link.click()
    tab.wait_for_function("() => window.clicked && window.drawn", timeout=PATIENCE_MS)
    seconds = float(tab.evaluate("() => window.drawn - window.clicked")) / 1000
    tab.close()
    return seconds


def _median(visits: list[Visit]) -> Visit:
    return Visit(statistics.median(one.painted for one in visits), statistics.median(one.drawn for one in visits))


def _start_server() -> "subprocess.Popen[bytes]":
    server = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--port", str(PORT), "--headless"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stcore/health", timeout=1.0):
                return server
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.1)  # polling interval
