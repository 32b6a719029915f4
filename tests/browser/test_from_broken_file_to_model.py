"""In a browser: a file with errors in another encoding is imported, repaired, trained on and used for prediction."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.runs.store.records import RunState
from tests.browser.seeding import colour_rows
from tests.browser.server import Server
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def _broken_file() -> bytes:
    """A GBK file as a spreadsheet leaves it: a label in two spellings, rows without a label, repeated rows, addresses."""
    lines = ["留言,主题,客户"]
    for place, row in enumerate(colour_rows(240)):
        topic = str(row["topic"]).capitalize() if place % 4 == 0 else row["topic"]
        mail = f" 请回复 me{place}@example.org" if place % 6 == 0 else " 谢谢"
        lines.append(f"{row['message']}{mail},{topic},客户{place % 19}")
    lines += lines[1:13]
    lines += [f"no label here 请看 {place},,客户{place}" for place in range(8)]
    return "\r\n".join(lines).encode("gbk")


def test_a_broken_gbk_file_becomes_a_repaired_version_and_a_trained_model(
    visitor: Visitor, server: Server, tiny_model: Path
) -> None:
    page = visitor.page
    visitor.open()
    visitor.upload("留言.csv", _broken_file())
    visitor.expect_title("New data set")
    visitor.expect_cell("Rows of the data set", re.compile("谢谢$"))
    assert [visitor.chosen(label) for label in ("Task", "Text column", "Label column")] == ["One label per text", "留言", "主题"]
    visitor.save_dataset()
    as_read = server.workspace.dataset_records()[0]
    assert server.workspace.dataset(as_read.id).num_unlabelled == 8

    visitor.tab("Repair")
    page.get_by_text("Mask personal data").first.click()
    _collect(visitor, "42 rows changed")
    visitor.choose("Rows")
    expect(page.get_by_text("Delete duplicate rows")).to_be_visible()
    _preview(visitor, "12 rows removed")
    expect(page.get_by_role("dialog").get_by_text("Together with 1 repair added before.")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Create new version").click()
    visitor.expect_title(f"{as_read.name} v2")

    visitor.tab("Checks")
    page.get_by_text("spelt in more than one way").first.click()
    page.get_by_role("button", name=re.compile("Merge all")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile("Merge or rename labels"))).to_be_visible()
    dialog.get_by_role("button", name="Create new version").click()
    visitor.expect_title(f"{as_read.name} v3")

    visitor.tab("Versions")
    for words in ("Version 3", "Version 2", "Version 1", "Delete duplicate rows: 12 rows removed"):
        expect(page.get_by_text(words).first).to_be_visible()
    newest = server.workspace.dataset_records()[0]
    repaired = server.workspace.dataset(newest.id)
    assert [change["version"] for change in repaired.changes] == [2, 3]
    assert not repaired.examples()["text"].str.contains("@").any()
    assert server.workspace.dataset(as_read.id).examples()["text"].str.contains("@").any(), "the rows as read are still there"

    visitor.button("Train a model").click()
    visitor.expect_title("Train")
    visitor.choose_model(tiny_model)
    visitor.fill("Epochs", "15")
    run_id = visitor.launch()
    visitor.expect_state("Done")
    run = server.workspace.run(run_id)
    assert (run.state, run.dataset_id) == (RunState.SUCCEEDED, newest.id)
    assert run.name.startswith(f"{as_read.name} v3")

    visitor.go("Predict")
    visitor.choose("Unlabelled rows")
    expect(visitor.text("8 rows of the imported file without a label")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Predict").click()
    visitor.expect_cell("Predicted labels", re.compile("^no label here 请看"))


def _preview(visitor: Visitor, words: str) -> None:
    visitor.page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Preview$")).click()
    expect(visitor.page.get_by_role("dialog").get_by_text(words).first).to_be_visible()


def _collect(visitor: Visitor, words: str) -> None:
    _preview(visitor, words)
    visitor.page.get_by_role("dialog").get_by_role("button", name="Add to next version").click()
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(visitor.text("1 repair in the next version")).to_be_visible()
