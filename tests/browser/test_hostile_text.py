"""User text is shown literally on every page: nothing in it is fetched, run or rendered."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.seeding import csv_of
from tests.browser.server import wait_for
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

IMAGE = "<img src=http://evil.example/x.png onerror=alert(1)>"
MARKDOWN = "![](http://evil.example/x.png)"
SCRIPT = "<script>alert(1)</script>"


DATASET_NAME = f"{MARKDOWN} {SCRIPT}"
RUN_NAME = f"{SCRIPT} {IMAGE}"


def test_hostile_names_labels_and_texts_appear_literally_and_fetch_nothing(visitor: Visitor, tiny_model: Path) -> None:
    texts = {IMAGE: f"{MARKDOWN} blue", MARKDOWN: f"{SCRIPT} green", SCRIPT: f"{IMAGE} deep"}
    rows = [{"text": f"{text} {i}", "label": label} for i in range(30) for label, text in texts.items()]

    visitor.open()
    visitor.upload("<img src=x onerror=alert(1)>.csv", csv_of(rows))
    visitor.expect_title("New data set")
    expect(visitor.text("<img src=x onerror=alert(1)>.csv")).to_be_visible()
    visitor.expect_cell("Rows of the data set", f"{IMAGE} deep 0")
    visitor.tab("Labels")
    _expect_on_axis(visitor, "Examples of each label by split")
    visitor.fill("Name of the data set", DATASET_NAME)
    visitor.save_dataset()
    _expect_literally(visitor, DATASET_NAME)
    visitor.tab("Rows")
    visitor.expect_cell("Rows of the data set", f"{MARKDOWN} blue 0")

    visitor.go("Train")
    visitor.choose_model(tiny_model)
    visitor.fill("Name of the run", RUN_NAME)
    run_id = visitor.launch()
    _expect_literally(visitor, RUN_NAME)
    _expect_literally(visitor, f"data set {DATASET_NAME}")
    visitor.expect_state("Done")
    visitor.go("Runs")
    visitor.expect_cell("All runs", RUN_NAME)

    visitor.open(f"results?run={run_id}")
    _expect_on_axis(visitor, "Precision and recall of each label")
    for label in texts:
        visitor.expect_cell("Scores of each label", label)
    visitor.tab("Confusion matrix")
    gold, predicted, _ = wait_for(visitor.cells_of_matrix, "the confusion matrix")[0]
    visitor.click_cell(gold, predicted)
    drawer = visitor.page.get_by_role("dialog")
    expect(drawer).to_be_visible()
    visitor.expect_cell("Examples", gold)
    assert f"Gold {gold}, predicted {predicted}" in _said(drawer.inner_text())

    visitor.open(f"predict?run={run_id}")
    visitor.predict(f"{IMAGE} {MARKDOWN} {SCRIPT}")
    visitor.expect_cell("Predicted labels", f"{IMAGE} {MARKDOWN} {SCRIPT}")
    _expect_literally(visitor, f"{IMAGE} {MARKDOWN} {SCRIPT}")
    _expect_on_axis(visitor, "Probabilities of one text")
    assert visitor.page.locator("img[src*=evil], script:has-text('alert(1)')").count() == 0


def _expect_literally(visitor: Visitor, text: str) -> None:
    main = visitor.page.get_by_test_id("stMain")
    wait_for(lambda: text in _said(main.inner_text()), f"the page to say {text}")


def _expect_on_axis(visitor: Visitor, chart: str) -> None:
    """The names of labels are shortened in the middle, and their start is read as text."""
    ticks = visitor.chart(chart).locator("text")
    expect(ticks.filter(has_text="<img src=http").first).to_be_visible()
    expect(ticks.filter(has_text="<script>").first).to_be_visible()


def _said(text: str) -> str:
    """Text of a page without the invisible joiners that keep addresses in it from becoming links."""
    return text.replace("\u2060", "")
