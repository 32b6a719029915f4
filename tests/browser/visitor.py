"""The actions of a person on the pages, shared by all tests, and a watch over what the browser does in the background."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Locator, Page, expect

# The live curve is Vega's, which gives every point an accessible name: "Step: 1,284; Loss: 0.07; series: …".
_STEPS_OF_LOSS = """() => Array.from(
    document.querySelectorAll('[class*="st-key-loss-"] svg.marks [aria-label^="Step: "]'),
    point => Number(point.getAttribute('aria-label').split(';')[0].replace(/\\D/g, '')))"""
# The matrix is Plotly's, which keeps the data of its points.
_CELLS_OF_MATRIX = """() => {
    const chart = document.querySelector('[class*="st-key-matrix-"] .js-plotly-plot');
    return chart && chart.data ? chart.data[1].customdata.map(cell => cell.slice(0, 3)) : [];
}"""
_OVERFLOW = """() => ['html', '[data-testid="stMain"]', '[data-testid="stMainBlockContainer"]'].map(
    name => document.querySelector(name)).map(place => place.scrollWidth - place.clientWidth)"""

_STATE = re.compile(r"^\w+ (Queued|Training|Stopping|Done|Failed|Stopped|Interrupted)$")
A_RUN_MS = 90_000


class Watch:
    """Records what must not happen in any tab of a context: script errors, dialogs, and requests to other hosts."""

    def __init__(self, context: BrowserContext) -> None:
        self.page_errors: list[str] = []
        self.dialogs: list[str] = []
        self.foreign_requests: list[str] = []
        self.console_errors: list[str] = []
        context.on("weberror", lambda error: self.page_errors.append(str(error.error)))
        context.on("request", lambda request: self._take(request.url))
        context.on("console", lambda message: self.console_errors.append(message.text) if message.type == "error" else None)
        context.on("page", self._follow)

    def _follow(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._take(socket.url))
        page.on("dialog", self._dismiss)

    def _take(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.foreign_requests.append(url)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def check(self) -> None:
        """Fail if anything was recorded."""
        assert not self.foreign_requests, f"Requests left this machine: {self.foreign_requests}"
        assert not self.dialogs, f"Dialogs opened: {self.dialogs}"
        assert not self.page_errors, f"Scripts failed: {self.page_errors}; the console said {self.console_errors}"


class Visitor:
    """A person with one tab of the dashboard.

    Attributes:
        page: the tab.
        url: the server's address.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    # --- navigation --------------------------------------------------------------------------------------------------------

    def open(self, path: str = "") -> None:
        """Enter an address by hand, and wait until the page is drawn."""
        self.page.goto(f"{self.url}/{path}")
        self.settle()

    def settle(self) -> None:
        """Wait until the server has sent a whole page."""
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"] h1')

    def go(self, title: str) -> None:
        """Choose a page in the menu."""
        self.page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
        self.expect_title(title)

    def second_tab(self) -> "Visitor":
        """The same address in another tab."""
        page = self.page.context.new_page()
        page.goto(self.page.url)
        other = Visitor(page, self.url)
        other.settle()
        return other

    def expect_title(self, title: str) -> None:
        """The heading of the page is this."""
        expect(self.page.locator("h1").get_by_text(title, exact=True)).to_be_visible()

    def expect_state(self, title: str) -> None:
        """The badge of a run's page shows this state, or will when the run gets there."""
        badge = self.page.get_by_test_id("stMarkdown").get_by_text(re.compile(rf"^\w+ {title}$")).first
        expect(badge).to_be_visible(timeout=A_RUN_MS)

    def expect_cell(self, table: str, text: str | re.Pattern[str]) -> None:
        """A table has a cell with exactly this text."""
        expect(self.cells(table, text).first).to_be_attached()

    # --- reading -----------------------------------------------------------------------------------------------------------

    def text(self, words: str) -> Locator:
        """The first place with these words, outside of tables."""
        return self.page.get_by_text(words).first

    def button(self, name: str) -> Locator:
        """The first button of this name; the name of its icon may stand before it."""
        return self.page.get_by_role("button", name=name).first

    def chosen(self, label: str) -> str:
        """What a select box shows."""
        box = self.page.get_by_test_id("stSelectbox").filter(has=self.page.get_by_text(label, exact=True))
        return str(box.first.get_by_role("combobox").input_value())

    def tab(self, name: str) -> None:
        """Open a tab of the page, and wait for its content."""
        self.page.get_by_role("tab", name=name).click()
        held = self.page.get_by_role("tabpanel", name=name).get_by_test_id("stElementContainer")
        expect(held.filter(visible=True).first).to_be_visible()  # the very first may be left over from a spinner

    def cells(self, table: str, text: str | re.Pattern[str]) -> Locator:
        """Cells with exactly this text, in a table by its accessible name.

        Tables are drawn on a canvas, which also contains the visible part as an HTML table.
        """
        wanted = text if isinstance(text, re.Pattern) else re.compile(rf"^{re.escape(text)}$")
        return self.page.locator(f'[role="region"][aria-label="{table}"] td').filter(has_text=wanted)

    def chart(self, name: str) -> Locator:
        """A chart by its accessible name."""
        return self.page.get_by_test_id("stPlotlyChart").and_(self.page.get_by_label(name))

    def look(self) -> dict[str, list[str]]:
        """The texts of a run's page, without the changing values."""
        main = self.page.get_by_test_id("stMain")
        main.get_by_text("Last lines of the log").wait_for()  # the end of the page, so that all of it has been drawn
        return {
            "title": main.locator("h1").all_inner_texts(),
            "state": main.get_by_text(_STATE).all_inner_texts(),
            "buttons": main.get_by_test_id("stButton").all_inner_texts(),
            "figures": main.get_by_test_id("stMetricLabel").all_inner_texts(),
            "charts": main.locator("strong").all_inner_texts(),
        }

    def steps_of_loss(self) -> list[int]:
        """Steps of the points of the loss curve, in ascending order, each once."""
        return sorted({int(step) for step in self.page.evaluate(_STEPS_OF_LOSS)})

    def horizontal_overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return max(int(pixels) for pixels in self.page.evaluate(_OVERFLOW))

    def background_lightness(self) -> float:
        """How light the page's background is, from 0 to 255."""
        colour = str(self.page.get_by_test_id("stApp").evaluate("place => getComputedStyle(place).backgroundColor"))
        channels = [int(channel) for channel in re.findall(r"\d+", colour)[:3]]
        return sum(channels) / len(channels)

    def cells_of_matrix(self) -> list[tuple[str, str, int]]:
        """Gold label, predicted label and number of examples of every filled cell of the confusion matrix."""
        return [(str(gold), str(predicted), int(count)) for gold, predicted, count in self.page.evaluate(_CELLS_OF_MATRIX)]

    # --- doing -------------------------------------------------------------------------------------------------------------

    def upload(self, file_name: str, content: str | bytes) -> None:
        """Upload a file with the page's uploader."""
        payload = {
            "name": file_name,
            "mimeType": "application/octet-stream",
            "buffer": content if isinstance(content, bytes) else content.encode(),
        }
        self.page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(files=[payload])

    def fill(self, label: str, value: str) -> None:
        """Fill in a field and press Enter."""
        field = self.page.locator("input, textarea").and_(self.page.get_by_label(label)).first
        field.fill(value)
        field.press("Enter")

    def choose(self, option: str | re.Pattern[str]) -> None:
        """Choose one option of a segmented control."""
        self.page.get_by_role("radio", name=option).first.click()

    def save_dataset(self) -> None:
        """Save the import as a data set."""
        self.button("Save data set").click()
        expect(self.text("content hash")).to_be_visible()
        self.settle()

    def choose_model(self, folder: Path) -> None:
        """On the Train page: start from the tiny model in a local folder, which reads 64 tokens."""
        self.choose("Local folder")
        self.fill("Folder of a transformers model", str(folder))
        expect(self.text("The model reads at most 64")).to_be_visible()
        self.settle()

    def launch(self) -> str:
        """Launch what the Train page shows; the id of the run."""
        self.button("Launch").click()
        self.page.wait_for_url(re.compile(r"/run\?run=.+"))
        return self.page.url.partition("run=")[2]

    def predict(self, texts: str) -> None:
        """On the Predict page: paste texts and predict."""
        self.page.get_by_role("textbox", name="Texts, one per line").fill(texts)
        self.page.get_by_test_id("stMain").get_by_role("button", name="Predict").click()

    def click_cell(self, gold: str, predicted: str) -> None:
        """Click on a filled cell of the confusion matrix."""
        chart = self.page.locator('[class*="st-key-matrix-"] .js-plotly-plot')
        chart.locator(".xtick text").first.wait_for()
        place = [cell[:2] for cell in self.cells_of_matrix()].index((gold, predicted))
        cell = chart.locator(".scatterlayer .point").nth(place)
        cell.scroll_into_view_if_needed()
        box = cell.bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
