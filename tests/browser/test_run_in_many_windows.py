"""A run belongs to the workspace, not to a tab: it looks the same in every tab, continues without one, and can be stopped."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.runs.store.records import RunRecord
from tests.browser.conftest import NewVisitor
from tests.browser.seeding import launch_endless
from tests.browser.server import Server, wait_for
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture
def endless_run(server: Server, tiny_model: Path) -> Iterator[RunRecord]:
    """A run that trains on the shared server; it is stopped when its test is over."""
    run = launch_endless(server, tiny_model)
    yield run
    if not server.workspace.run(run.id).state.is_final:
        server.workspace.stop(run.id)
    wait_for(lambda: server.workspace.run(run.id).state.is_final, "the run to end")


def test_a_run_looks_the_same_after_a_refresh_and_in_a_second_tab(visitor: Visitor, endless_run: RunRecord) -> None:
    visitor.open(f"run?run={endless_run.id}")
    steps = _more_points(visitor, than=2)
    look = visitor.look()

    visitor.page.reload()
    after_refresh = _more_points(visitor, than=len(steps))
    assert visitor.look() == look
    assert after_refresh[: len(steps)] == steps

    second = visitor.second_tab()
    in_second_tab = _more_points(second, than=len(after_refresh))
    assert second.look() == look
    assert in_second_tab[: len(after_refresh)] == after_refresh


def test_a_run_continues_when_the_server_is_killed_and_is_found_again_when_it_restarts(
    start_server: Callable[..., Server], new_visitor: NewVisitor, tiny_model: Path
) -> None:
    server = start_server("killed")
    try:
        run = launch_endless(server, tiny_model)
        visitor = new_visitor(server)
        visitor.open(f"run?run={run.id}")
        steps = _more_points(visitor, than=2)
        look = visitor.look()
        (worker,) = server.workers()

        server.kill()
        lines = len(server.workspace.run_dir(run.id).metrics())
        wait_for(lambda: len(server.workspace.run_dir(run.id).metrics()) > lines, "the run to continue without a server")
        server.start()

        later = new_visitor(server)
        later.open(f"run?run={run.id}")
        found = _more_points(later, than=len(steps))
        assert later.look() == look
        assert found[: len(steps)] == steps
        assert server.workers() == [worker]
        assert _more_points(visitor, than=len(found))[: len(found)] == found, "the tab left open continues by itself"

        later.button("Stop").click()
        later.expect_state("Stopped")
        assert server.workers() == []
    finally:
        server.end()


def test_a_stopped_run_offers_to_resume_or_to_evaluate_its_best_checkpoint_which_leads_to_results(
    visitor: Visitor, server: Server, endless_run: RunRecord
) -> None:
    visitor.open(f"run?run={endless_run.id}")
    _more_points(visitor, than=1)
    visitor.button("Stop").click()
    visitor.expect_state("Stopped")
    expect(visitor.button("Resume")).to_be_visible()
    steps = server.workspace.run_dir(endless_run.id).metrics()[-1]["step"]

    visitor.button("Evaluate best checkpoint").click()
    visitor.expect_state("Done")
    result = server.workspace.run_dir(endless_run.id).result() or {}
    assert result["training"]["steps"] >= steps
    visitor.button("See the results").click()
    visitor.expect_title("Results")
    expect(visitor.text("12 test examples are classified correctly")).to_be_visible()


def _more_points(visitor: Visitor, *, than: int) -> list[int]:
    """The curve's steps, as soon as there are more than ``than``."""

    def look() -> list[int]:
        steps = visitor.steps_of_loss()
        return steps if len(steps) > than else []

    return wait_for(look, f"more than {than} points of the curve")
