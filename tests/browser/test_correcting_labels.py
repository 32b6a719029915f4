"""In a browser: labels are corrected in the table of the Data page, for each task, and become a new version."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

from core.runs.store.records import DatasetRecord
from tests.browser.seeding import colour_rows, import_csv
from tests.browser.server import Server
from tests.browser.visitor import Visitor
from tests.tiny import tiny_entities_dataset

pytestmark = pytest.mark.browser

_HEADER_PX = _ROW_PX = 35
_SPLITS = ("train", "train", "validation", "test")


def test_a_label_chosen_in_the_table_is_kept_in_a_new_version(visitor: Visitor, server: Server) -> None:
    record = import_csv(server, "One colour", _split(colour_rows(24)))
    assert _answers(server, record, "label")[1] == "green"

    _open_corrections(visitor, record)
    _choose_in_cell(visitor, _cell(visitor, row=1, from_left=0.85), "deep")
    _keep(visitor, record)

    assert _answers(server, _newest(server, record), "label")[1] == "deep"
    assert _answers(server, record, "label")[1] == "green", "the version before stays as it was"


def test_labels_added_in_the_table_are_kept_in_a_new_version(visitor: Visitor, server: Server) -> None:
    rows = [{"review": f"the sky and the sea {i}", "labels": ("blue|green", "blue", "deep|green")[i % 3]} for i in range(24)]
    record = import_csv(server, "Some colours", _split(rows))
    assert list(_answers(server, record, "labels")[1]) == ["blue"]

    _open_corrections(visitor, record)
    _choose_in_cell(visitor, _cell(visitor, row=1, from_left=0.85), "deep")
    visitor.page.get_by_role("tabpanel", name="Correct labels").get_by_text("New label").click()
    _keep(visitor, record)

    assert sorted(_answers(server, _newest(server, record), "labels")[1]) == ["blue", "deep"]


def test_a_type_given_to_a_word_in_the_table_is_kept_in_a_new_version(visitor: Visitor, server: Server) -> None:
    rows = [
        {"text": " ".join(str(text).split()), "tags": " ".join(tags)}
        for text, tags in tiny_entities_dataset(24)[["text", "tags"]].itertuples(index=False)
    ]
    record = import_csv(server, "Names", _split(rows))
    before = list(_answers(server, record, "tags")[0])
    word = before.index("O")

    _open_corrections(visitor, record)
    _choose_in_cell(visitor, _cell(visitor, row=word, from_left=0.5), "LOC")
    expect(visitor.text("After correction")).to_be_visible()
    _keep(visitor, record)

    assert list(_answers(server, _newest(server, record), "tags")[0]) == [*before[:word], "B-LOC", *before[word + 1 :]]


def _split(rows: Any) -> list[dict[str, Any]]:
    return [{**row, "split": _SPLITS[i // 2 % 4]} for i, row in enumerate(rows)]


def _answers(server: Server, record: DatasetRecord, column: str) -> Sequence[Any]:
    examples: pd.DataFrame = server.workspace.dataset(record.id).examples("train")
    return list(examples[column])


def _newest(server: Server, record: DatasetRecord) -> DatasetRecord:
    (version,) = [one for one in server.workspace.dataset_records() if one.parent_id == record.id]
    return version


def _open_corrections(visitor: Visitor, record: DatasetRecord) -> None:
    visitor.open(f"?dataset={record.id}")
    visitor.tab("Correct labels")
    visitor.settle()


def _cell(visitor: Visitor, *, row: int, from_left: float) -> tuple[Locator, float, float]:
    """The table and the place of a cell in it; it is drawn on a canvas, so there is nothing else to point at."""
    table = visitor.page.get_by_role("tabpanel", name="Correct labels").get_by_test_id("stDataFrame")
    table.locator("canvas").first.wait_for()
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    return table, from_left * box["width"], _HEADER_PX + (row + 0.5) * _ROW_PX


def _choose_in_cell(visitor: Visitor, cell: tuple[Locator, float, float], answer: str) -> None:
    """Open the cell's list, type an answer that is on it, and take it."""
    table, x, y = cell
    table.click(position={"x": x, "y": y})
    visitor.page.keyboard.press("Enter")
    field = visitor.page.locator("#portal input").first
    expect(field).to_be_focused()
    field.press_sequentially(answer)
    expect(visitor.page.locator("#portal").get_by_text(answer, exact=True).first).to_be_visible()
    field.press("Enter")


def _keep(visitor: Visitor, record: DatasetRecord) -> None:
    """Preview the changes, and create the new version."""
    panel = visitor.page.get_by_role("tabpanel", name="Correct labels")
    expect(panel.get_by_text(f"1 row of {record.name} corrected")).to_be_visible()
    visitor.settle()
    panel.get_by_role("button", name=re.compile("Preview$")).click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_text("1 row changed").first).to_be_visible()
    dialog.get_by_role("button", name="Create new version").click()
    visitor.expect_title(f"{record.name} v2")
