"""Progress and warnings on a run's page."""

import pytest

from core.datasets.dataset import Dataset
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace
from dashboard.shared.escaping import markdown_text
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage


@pytest.fixture
def tickets(workspace: Workspace) -> Dataset:
    """A data set to have runs of."""
    return made_workspace.make_dataset(workspace, "single_label", "Tickets", made_workspace.single_label_examples())


def test_warnings_that_a_resumed_run_repeats_do_not_hide_earlier_ones(
    workspace: Workspace, open_page: OpenPage, tickets: Dataset
) -> None:
    run = made_workspace.make_running(workspace, tickets)
    lengths = [f"2 of 9 texts of the {split} split are longer than 64 tokens." for split in ("train", "validation", "test")]
    for message in (*lengths, "Still never predicted rightly: refund.", *lengths):
        workspace.run_dir(run.id).append_event("warning", message)

    app = open_page("run", run=run.id)

    assert [warning.value for warning in app.warning] == [
        markdown_text(message) for message in (*lengths, "Still never predicted rightly: refund.")
    ]


def test_a_run_that_stopped_early_is_not_said_to_have_made_all_its_steps(
    workspace: Workspace, open_page: OpenPage, tickets: Dataset
) -> None:
    run = made_workspace.make_run(workspace, tickets, "Early")
    workspace.store.start_run(run.id, events_offset=0)
    made_workspace.write_progress(workspace, run, steps=80)
    workspace.store.end_run(run.id, RunState.SUCCEEDED)

    app = open_page("run", run=run.id)

    assert app.get("progress")[0].proto.text == "Done · step 80 of 240"
