"""The Runs page and the page of one run, in every state a run can be in."""

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.store.records import RunState
from core.runs.store.store import Store
from core.workspace.workspace import Workspace
from dashboard.shared import widgets
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenDialog, OpenPage, button, id_in_address, words_on


def _labels(app: AppTest) -> set[str]:
    return {one.label for one in app.button}


def _choose_row(app: AppTest, row: int) -> AppTest:
    table = app.dataframe[0]
    app.session_state[table.proto.id] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return app.run()


def test_without_runs_the_page_says_what_to_do_next(open_page: OpenPage) -> None:
    assert "Add a data set" in _labels(open_page("runs"))


@pytest.mark.usefixtures("made")
def test_all_runs_are_listed_with_their_headline_figure(open_page: OpenPage) -> None:
    app = open_page("runs")
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == 7
    assert {state for (state,) in table["status"]} == {"Done", "Failed", "Stopped", "Training", "Queued · 1"}
    assert table["score"].notna().sum() == 3


@pytest.mark.usefixtures("made")
def test_the_table_fits_a_window_of_1280_pixels_with_a_run_that_waits(open_page: OpenPage) -> None:
    table = open_page("runs").dataframe[0]
    widths = {name: column.get("width", "as wide as its cells") for name, column in json.loads(table.proto.columns).items()}
    assert set(widths) >= set(table.value.columns)
    # Beside the menu and the page's margins there are 898 pixels; the boxes to choose a row take 33, a bar to scroll down 17.
    assert sum(widths[name] for name in table.value.columns) <= 898 - 33 - 17


def test_waiting_runs_by_themselves_are_listed_as_they_will_start(
    made: dict[str, str], open_page: OpenPage, workspace: Workspace
) -> None:
    for name in ("second", "third"):
        made_workspace.make_run(workspace, workspace.dataset(workspace.run(made["queued"]).dataset_id), name)
    app = open_page("runs")
    app.button_group(key="runs-states").set_value([RunState.QUEUED]).run()
    table = app.dataframe[0].value
    assert [status for (status,) in table["status"]] == ["Queued · 1", "Queued · 2", "Queued · 3"]
    assert table["name"].tolist()[1:] == ["second", "third"]


@pytest.mark.usefixtures("made")
def test_the_search_narrows_the_list(open_page: OpenPage) -> None:
    app = open_page("runs")
    app.text_input(key="runs-words").set_value("hotel").run()
    assert app.dataframe[0].value["name"].tolist() == ["Hotel reviews 1"]
    app.text_input(key="runs-words").set_value("nothing like this").run()
    assert "No run matches" in words_on(app)


@pytest.mark.usefixtures("made")
def test_status_pills_narrow_the_list(open_page: OpenPage) -> None:
    app = open_page("runs")
    app.button_group(key="runs-states").set_value([RunState.FAILED]).run()
    assert app.dataframe[0].value["name"].tolist() == ["A first try"]


def test_a_running_run_shows_where_it_stands(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("run", run=made["running"])
    assert not app.exception
    words = words_on(app)
    assert "Stop" in _labels(app)
    assert {"Epoch", "Examples/s", "Elapsed", "Remaining", "Device", "Memory"} <= {metric.label for metric in app.metric}
    assert "Last lines of the log" in words
    assert "step 130 of 240" in app.code[0].value


def test_what_to_act_upon_stands_above_the_curves_and_phases_do_not_bury_it(
    made: dict[str, str], open_page: OpenPage, workspace: Workspace
) -> None:
    run_dir = workspace.run_dir(made["running"])
    run_dir.append_event("warning", "Still never predicted rightly: refund.")
    for epoch in range(200):
        run_dir.append_event("phase", f"Validating after epoch {epoch}.", phase="validating")
        run_dir.append_event("phase", "Training on.", phase="training")
    app = open_page("run", run=made["running"])
    assert not app.exception
    kinds = [(element.type, str(getattr(element, "value", ""))) for element in app.main]
    warning = next(i for i, (kind, words) in enumerate(kinds) if kind == "warning" and "refund" in words)
    assert warning < next(i for i, (_, words) in enumerate(kinds) if "F1 by label" in words)
    words = words_on(app)
    assert words.count("Still never predicted rightly") == 2, "once as a warning and once among the events"
    assert words.count("Training on.") == 1
    assert "Validating after" not in words


def test_a_run_that_failed_before_its_first_step_shows_why_and_no_empty_figures(
    open_page: OpenPage, workspace: Workspace
) -> None:
    dataset = made_workspace.make_dataset(workspace, "single_label", "Rows", made_workspace.single_label_examples(2))
    run = made_workspace.make_run(workspace, dataset, "Too early")
    workspace.store.start_run(run.id, events_offset=0)
    workspace.store.end_run(run.id, RunState.FAILED, message="The model cannot be read.")
    app = open_page("run", run=run.id)
    assert not app.exception
    assert "The model cannot be read" in words_on(app)
    assert not app.metric


def test_stop_is_asked_for_once_and_shown(made: dict[str, str], open_page: OpenPage, workspace: Workspace) -> None:
    app = open_page("run", run=made["running"])
    button(app, "Stop").click().run()
    assert workspace.run(made["running"]).stop_requested
    assert button(app, "Stopping after this step").disabled


def test_a_waiting_run_says_what_it_waits_for_and_can_be_taken_out(
    made: dict[str, str], open_page: OpenPage, workspace: Workspace
) -> None:
    app = open_page("run", run=made["queued"])
    assert "Waiting for run" in words_on(app)
    button(app, "Remove from queue").click().run()
    assert workspace.run(made["queued"]).state is RunState.CANCELLED


def test_a_failed_run_says_why_without_a_traceback(made: dict[str, str], open_page: OpenPage) -> None:
    words = words_on(open_page("run", run=made["failed"]))
    assert "This run failed" in words
    assert "The model folder is gone" in words
    assert "Traceback" not in words


def test_a_stopped_run_can_be_resumed(made: dict[str, str], open_page: OpenPage, workspace: Workspace) -> None:
    app = open_page("run", run=made["stopped"])
    button(app, "Resume").click().run()
    assert not app.exception
    assert workspace.run(made["stopped"]).state is RunState.QUEUED
    assert not workspace.run(made["stopped"]).finish_early


def test_the_best_checkpoint_of_a_stopped_run_can_be_evaluated(
    made: dict[str, str], open_page: OpenPage, workspace: Workspace
) -> None:
    app = open_page("run", run=made["stopped"])
    button(app, "Evaluate best checkpoint").click().run()
    assert workspace.run(made["stopped"]).finish_early


def test_evaluating_is_not_offered_without_a_checkpoint(made: dict[str, str], open_page: OpenPage) -> None:
    assert "Evaluate best checkpoint" not in _labels(open_page("run", run=made["failed"]))


def test_a_finished_run_leads_to_its_results(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("run", run=made["multi_label"])
    button(app, "See the results").click().run()
    assert app.title[0].value == "Results"
    assert id_in_address(app, "run") == made["multi_label"]


def test_an_address_of_a_run_that_is_gone_says_so(open_page: OpenPage) -> None:
    app = open_page("run", run="20200101-000000-aaaaa")
    assert not app.exception
    assert "Run not found" in words_on(app)


def test_a_refreshed_page_shows_the_same(made: dict[str, str], open_page: OpenPage) -> None:
    first, second = open_page("run", run=made["stopped"]), open_page("run", run=made["stopped"])
    assert words_on(first) == words_on(second)


def test_hostile_names_tags_and_messages_are_shown_as_text(workspace: Workspace, open_page: OpenPage) -> None:
    hostile = "![](http://evil.example/x.png)<b>b</b>:material/delete:"
    dataset = made_workspace.make_dataset(workspace, "single_label", hostile, made_workspace.single_label_examples(2))
    run = made_workspace.make_failed(workspace, dataset, hostile, message=hostile)
    workspace.tag_run(run.id, [hostile])
    app = open_page("run", run=run.id)
    for elements in (app.title, app.caption, app.markdown, app.error):
        for element in elements:
            assert "![](http" not in element.value
            assert "<b>" not in element.value.replace("\\<", "")


def test_deleting_runs_names_them_and_keeps_the_others(
    made: dict[str, str], workspace: Workspace, open_dialog: OpenDialog
) -> None:
    app = open_dialog("runs.dialogs", "delete_dialog", [workspace.run(made["failed"]), workspace.run(made["stopped"])])
    assert "A first try" in app.text[0].value
    button(app, "Delete permanently").click().run()
    assert {run.id for run in workspace.runs()} == set(made.values()) - {made["failed"], made["stopped"]}


def test_a_run_at_work_is_not_deleted(made: dict[str, str], workspace: Workspace, open_dialog: OpenDialog) -> None:
    app = open_dialog("runs.dialogs", "delete_dialog", [workspace.run(made["running"])])
    button(app, "Delete permanently").click().run()
    assert app.error
    assert workspace.run(made["running"])


def test_renaming_and_tagging_a_run(made: dict[str, str], workspace: Workspace, open_dialog: OpenDialog) -> None:
    run = workspace.run(made["failed"])
    app = open_dialog("runs.dialogs", "rename_dialog", run)
    app.text_input[0].set_value("A better name")
    button(app, "Rename").click().run()
    app = open_dialog("runs.dialogs", "tag_dialog", run)
    app.multiselect[0].set_value(["baseline"])
    button(app, "Save").click().run()
    changed = workspace.run(run.id)
    assert (changed.name, changed.tags) == ("A better name", ("baseline",))


def test_a_dialog_asked_for_from_the_table_opens_with_the_page(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("runs")
    app.session_state["run_dialog_asked_for"] = ("delete", [made["failed"]])
    app.run()
    assert "Delete permanently" in _labels(app)
    app.run()
    assert "Delete permanently" not in _labels(app)


def test_the_queue_can_be_paused_and_resumed(made: dict[str, str], open_page: OpenPage, workspace: Workspace) -> None:
    app = open_page("runs")
    assert "1 training · 1 queued · one at a time" in words_on(app)
    button(app, "Pause queue").click().run()
    assert workspace.desk.switches().paused
    assert "paused" in words_on(open_page("run", run=made["queued"]))
    button(app, "Resume queue").click().run()
    assert not workspace.desk.switches().paused


def test_a_waiting_run_can_be_moved_to_the_front(made: dict[str, str], open_dialog: OpenDialog, workspace: Workspace) -> None:
    other = workspace.resume(made["stopped"])
    app = open_dialog("runs.queue_bar", "draw_moves", other)
    assert "Waiting for 2 runs before it" in words_on(app)
    button(app, "Move to front").click().run()
    assert [run.id for run in workspace.queue()] == [other.id, made["queued"]]


@pytest.mark.usefixtures("made")
def test_a_dashboard_that_only_watches_says_so(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.scheduler.queue_control.QueueDesk.watches", lambda _: True)
    assert "takes over automatically" in words_on(open_page("runs"))


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("page", ["data", "runs", "results", "predict"])
def test_no_page_reads_every_run_there_is(page: str, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("with ten thousand runs this takes a third of a second")

    monkeypatch.setattr(Store, "runs", refuse)

    app = open_page(page)

    assert not app.exception
    assert not app.error


def test_an_older_run_opens_by_its_address_though_the_list_offers_only_the_newest(
    made: dict[str, str], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets, "MOST_RUNS_OFFERED", 1)
    newest, older = made["token_classification"], made["single_label"]

    app = open_page("results", run=older)

    assert app.selectbox[0].value == older
    assert len(app.selectbox[0].options) == 2
    assert open_page("results", run=made["failed"]).selectbox[0].value == newest


def _drawn_again(script: Callable[..., None], *arguments: object) -> bool:
    """Whether a part of a page that looks for changes has the page drawn again."""
    return AppTest.from_function(script, default_timeout=30, args=arguments).run().session_state["drawn"] > 1


def test_a_list_left_open_notices_what_other_tabs_do(made: dict[str, str], workspace: Workspace) -> None:
    def script(overview):  # runs on its own, without the imports of this file
        import streamlit as st

        from dashboard.runs.table import notice_change

        st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
        if st.session_state["drawn"] == 1:
            notice_change(overview)

    before = workspace.lists.overview()
    assert not _drawn_again(script, before)

    workspace.resume(made["stopped"])

    assert _drawn_again(script, before)
    assert not _drawn_again(script, workspace.lists.overview())


def test_the_page_of_a_run_that_had_ended_notices_that_it_goes_on_or_is_gone(made: dict[str, str], workspace: Workspace) -> None:
    def script(run_id):  # runs on its own, without the imports of this file
        import streamlit as st

        from core.runs.store.records import RunState
        from dashboard.runs.run_page import notice_change

        st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
        if st.session_state["drawn"] == 1:
            notice_change(run_id, RunState.CANCELLED)

    assert not _drawn_again(script, made["stopped"])

    workspace.resume(made["stopped"])
    assert _drawn_again(script, made["stopped"])

    workspace.stop(made["stopped"])
    workspace.delete_run(made["stopped"])
    assert _drawn_again(script, made["stopped"])
