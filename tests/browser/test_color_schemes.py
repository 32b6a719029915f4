"""Every page, light and dark, in an empty and in a full workspace: it opens completely and without an error."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from core.runs.store.records import RunState
from dashboard.shared.widgets import UNFORESEEN
from tests.browser.conftest import NewVisitor
from tests.browser.server import Server
from tests.browser.visitor import Visitor
from tests.dashboard import made_workspace

pytestmark = pytest.mark.browser

EMPTY_PAGES = {"": "Data", "train": "Train", "runs": "Runs", "run": "Run", "results": "Results", "predict": "Predict"}


@pytest.fixture(scope="module")
def empty_server(start_server: Callable[..., Server]) -> Iterator[Server]:
    """A server with an empty workspace."""
    server = start_server("empty")
    yield server
    server.end()


@pytest.fixture(scope="module")
def full_server(start_server: Callable[..., Server]) -> Iterator[Server]:
    """A server with a finished run of every task and runs that failed, were stopped or interrupted; nothing is trained."""

    def fill(server: Server) -> None:
        made = made_workspace.fill(server.workspace)
        server.workspace.store.end_run(made["running"], RunState.INTERRUPTED, message="The worker was killed.")
        for run in server.workspace.queue():
            server.workspace.stop(run.id)

    server = start_server("full", fill)
    yield server
    server.end()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_every_page_of_an_empty_workspace_opens(empty_server: Server, new_visitor: NewVisitor, color_scheme: str) -> None:
    visitor = new_visitor(empty_server, color_scheme=color_scheme)
    for path, title in EMPTY_PAGES.items():
        visitor.open(path)
        visitor.expect_title(title)
        _expect_whole(visitor, color_scheme)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_every_page_of_a_full_workspace_opens(full_server: Server, new_visitor: NewVisitor, color_scheme: str) -> None:
    visitor = new_visitor(full_server, color_scheme=color_scheme)
    workspace = full_server.workspace
    datasets, runs = workspace.dataset_records(), workspace.runs()
    finished = [run for run in runs if run.state is RunState.SUCCEEDED]
    assert {record.task for record in datasets} == {run.task for run in finished}
    assert {run.state for run in runs} >= {RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED}

    visitor.open()
    _expect_whole(visitor, color_scheme)
    for record in datasets:
        visitor.open(f"?dataset={record.id}")
        visitor.expect_title(record.name)
        _expect_whole(visitor, color_scheme)
    visitor.open("runs")
    _expect_whole(visitor, color_scheme)
    for state in (RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED, RunState.SUCCEEDED):
        run = next(run for run in runs if run.state is state)
        visitor.open(f"run?run={run.id}")
        visitor.expect_title(run.name)
        _expect_whole(visitor, color_scheme)
    for run in finished:
        visitor.open(f"results?run={run.id}")
        for tab in visitor.page.get_by_role("tab").all_inner_texts():
            visitor.tab(tab)
            visitor.settle()
            _expect_whole(visitor, color_scheme)
    visitor.open(f"train?dataset={datasets[0].id}")
    expect(visitor.text("Training plan")).to_be_visible()
    _expect_whole(visitor, color_scheme)
    visitor.open(f"predict?run={finished[0].id}")
    _expect_whole(visitor, color_scheme)


def _expect_whole(visitor: Visitor, color_scheme: str) -> None:
    expect(visitor.page.get_by_test_id("stException")).to_have_count(0)
    expect(visitor.page.get_by_text(UNFORESEEN)).to_have_count(0)
    assert visitor.horizontal_overflow() <= 0, visitor.page.url
    assert (visitor.background_lightness() > 128) == (color_scheme == "light"), visitor.page.url
