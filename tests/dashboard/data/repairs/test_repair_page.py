"""Repairs, corrections and versions on the Data page."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.dataset import Dataset
from core.datasets.repairs import REPAIRS, RepairStep, parse_step
from core.datasets.row_diff import RowChange
from core.workspace import dataset_versions
from core.workspace.workspace import Workspace
from dashboard.data import versions
from dashboard.data.repairs import label_editor, repair_page
from dashboard.data.repairs.diff_preview import change_markdown
from dashboard.data.repairs.parameter_form import BY_HAND
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenDialog, OpenPage, button, id_in_address, words_on

HOSTILE = "![x](http://127.0.0.1:1/x.png) <b>:red[$x$]</b>"


def _messy(workspace: Workspace) -> Dataset:
    examples = made_workspace.single_label_examples(4)
    examples["text"] = [f"  {text}  {HOSTILE if place % 5 == 0 else ''}" for place, text in enumerate(examples["text"])]
    examples["label"] = [label if place % 6 else "Billing" for place, label in enumerate(examples["label"])]
    return made_workspace.make_dataset(workspace, "single_label", "Tickets", examples)


def _section(workspace: Workspace, name: str, dataset: Dataset) -> AppTest:
    """A section of a data set's page by itself, as its tab shows it."""
    del workspace

    def script(name, dataset_id):  # runs on its own, without the imports of this file
        import streamlit as st

        from dashboard.data import versions
        from dashboard.data.repairs import label_editor, repair_page
        from dashboard.shared import state

        st.query_params.setdefault("dataset", dataset_id)
        draw = {"repair": repair_page.draw_repairs, "correct": label_editor.draw_correction, "versions": versions.draw_versions}
        draw[name](state.workspace().dataset_record(dataset_id), state.workspace().dataset(dataset_id))

    return AppTest.from_function(script, default_timeout=30, args=(name, dataset.id)).run()


def test_the_page_of_a_data_set_has_repairs_corrections_and_versions(workspace: Workspace, open_page: OpenPage) -> None:
    dataset = _messy(workspace)
    app = open_page("data", dataset=dataset.id)
    assert not app.exception
    assert {"Repair", "Correct labels", "Versions"} <= {tab.label for tab in app.tabs}


@pytest.mark.parametrize("task", list(made_workspace.EXAMPLES))
@pytest.mark.parametrize("kind", ["Texts", "Labels", "Rows", "Splits"])
def test_every_repair_can_be_chosen_with_its_parameters(workspace: Workspace, task: str, kind: str) -> None:
    dataset = made_workspace.make_dataset(workspace, task, "Set", made_workspace.EXAMPLES[task](3))
    app = _section(workspace, "repair", dataset)
    app.button_group(key=f"repair-kind-{dataset.id}").set_value(kind).run()
    for name in app.radio[0].options:
        app.radio[0].set_value(next(repair.name for repair in REPAIRS.values() if repair.title == name)).run()
        assert not app.exception
        assert button(app, "Preview")


def test_a_preview_shows_the_rows_and_makes_a_version(workspace: Workspace, open_dialog: OpenDialog) -> None:
    dataset = _messy(workspace)
    app = open_dialog(
        "data.repairs.repair_page", "repair_dialog", (dataset.id, (parse_step("merge_labels:mapping=Billing->billing"),), True)
    )
    assert not app.exception
    said = words_on(app)
    assert "10" in said
    assert "10 rows with a new label" in said
    assert "scores measured before and after cannot be compared" in said
    button(app, "Create new version").click().run()
    assert not app.exception
    newest = workspace.dataset_records()[0]
    assert (newest.name, newest.parent_id) == ("Tickets v2", dataset.id)
    assert id_in_address(app, "dataset") == newest.id


def test_repairs_are_collected_and_made_together(workspace: Workspace, open_dialog: OpenDialog) -> None:
    dataset = _messy(workspace)
    app = open_dialog("data.repairs.repair_page", "repair_dialog", (dataset.id, (parse_step("strip_whitespace"),), True))
    button(app, "Add to next version").click().run()
    assert app.session_state[f"repairs-{dataset.id}"] == [parse_step("strip_whitespace")]
    assert len(workspace.dataset_records()) == 1
    section = _section(workspace, "repair", dataset)
    section.session_state[f"repairs-{dataset.id}"] = [parse_step("strip_whitespace"), parse_step("drop_duplicates")]
    section.run()
    assert "2 repairs in the next version" in words_on(section)
    button(section, "Remove").click().run()
    assert section.session_state[f"repairs-{dataset.id}"] == [parse_step("drop_duplicates")]


def test_a_repair_that_cannot_be_made_says_why(workspace: Workspace, open_dialog: OpenDialog) -> None:
    dataset = _messy(workspace)
    app = open_dialog(
        "data.repairs.repair_page", "repair_dialog", (dataset.id, (parse_step("split_by_group:column=customer"),), True)
    )
    assert not app.exception
    assert "no extra column 'customer' to split by" in words_on(app)
    assert not [one for one in app.button if one.label == "Create new version"]


def test_nothing_to_change_makes_no_version(workspace: Workspace, open_dialog: OpenDialog) -> None:
    app = open_dialog(
        "data.repairs.repair_page", "repair_dialog", (_messy(workspace).id, (parse_step("normalise_characters"),), True)
    )
    assert "No row would change" in words_on(app)
    assert button(app, "Create new version").disabled


def test_an_offer_of_a_finding_opens_the_preview(workspace: Workspace) -> None:
    dataset = _messy(workspace)

    def script(dataset_id):
        from core.datasets.checks.finding import RepairOffer
        from dashboard.data.repairs.repair_page import offer_button
        from dashboard.shared import state

        offer = RepairOffer(repair="strip_whitespace", title="Tidy **them**")
        offer_button(state.workspace().dataset(dataset_id), offer, key="one")
        offer_button(state.workspace().dataset(dataset_id), offer, key="two")

    app = AppTest.from_function(script, default_timeout=30, args=(dataset.id,)).run()
    app.button[0].click().run()
    assert not app.exception
    assert "Create new version" in words_on(app)


def test_user_text_is_shown_literally_in_before_and_after() -> None:
    before = {"split": "train", "text": f"two  spaces {HOSTILE}", "label": HOSTILE}
    change = RowChange(1, 1, before, {**before, "text": f"two spaces {HOSTILE}", "label": "plain"})
    shown = change_markdown(change)
    for live in ("![x](", "<b>", ":red[", "$x$"):
        assert live not in shown
    assert "-background[" in shown


# --- corrections ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", list(made_workspace.EXAMPLES))
def test_rows_to_correct_are_found_by_split_label_and_words(workspace: Workspace, task: str) -> None:
    dataset = made_workspace.make_dataset(workspace, task, "Set", made_workspace.EXAMPLES[task](12))
    app = _section(workspace, "correct", dataset)
    assert not app.exception
    app.text_input(key=f"correct-search-{dataset.id}").set_value("nowhere to be found").run()
    assert "No rows match these filters" in words_on(app)
    app.text_input(key=f"correct-search-{dataset.id}").set_value("").run()
    app.selectbox(key=f"correct-label-{dataset.id}").set_value(dataset.labels[0]).run()
    app.button_group(key=f"correct-split-{dataset.id}").set_value("test").run()
    assert not app.exception


def test_corrections_become_a_version(workspace: Workspace, open_dialog: OpenDialog) -> None:
    dataset = _messy(workspace)
    app = _section(workspace, "correct", dataset)
    app.session_state[f"corrections-{dataset.id}"] = {0: {"id": 0, "label": "praise"}, 3: {"id": 3, "label": "quite new"}}
    app.run()
    assert "2 rows" in words_on(app)
    step = RepairStep(repair="correct_labels", parameters={"corrections": [{"id": 0, "label": "praise"}]})
    dialog = open_dialog("data.repairs.repair_page", "repair_dialog", (dataset.id, (step,), True))
    button(dialog, "Create new version").click().run()
    newest = workspace.dataset(workspace.dataset_records()[0].id)
    assert newest.examples()["label"][0] == "praise"
    button(app, "Discard corrections").click().run()
    assert app.session_state[f"corrections-{dataset.id}"] == {}


def test_types_and_ticks_become_tags() -> None:
    tags = label_editor.tags_of_table(["PER", "PER", "PER", "", None, "LOC"], [False, False, True, False, True, False])
    assert tags == ["B-PER", "I-PER", "B-PER", "O", "O", "B-LOC"]


def test_edits_of_a_table_become_corrections_and_are_removed_when_undone() -> None:
    made: dict[int, dict[str, Any]] = {2: {"id": 2, "label": "b"}}
    label_editor.take_edits(made, {1: "a", 2: "a", 3: "c"}, ["z", "a", None], "label")
    assert made == {1: {"id": 1, "label": "z"}}
    several: dict[int, dict[str, Any]] = {}
    label_editor.take_edits(several, {1: ["a"], 2: []}, [["b", "a", "b"], None], "labels")
    assert several == {1: {"id": 1, "labels": ["a", "b"]}}


# --- versions ---------------------------------------------------------------------------------------------------------------


def _versions(workspace: Workspace) -> tuple[Dataset, Dataset]:
    first = _messy(workspace)
    draft = dataset_versions.draft(
        workspace, first.id, [parse_step("strip_whitespace"), parse_step("drop_labels:labels=Billing")]
    )
    return first, workspace.dataset(dataset_versions.save(workspace, draft).id)


def test_versions_are_listed_with_what_was_done_and_who_used_them(workspace: Workspace) -> None:
    _, second = _versions(workspace)
    made_workspace.make_run(workspace, second, "My run")
    said = words_on(_section(workspace, "versions", second))
    for words in (
        "Version 2",
        "Version 1",
        "Clean up white space",
        "10 rows removed",
        "Used by My run.",
        "Imported from made.csv",
    ):
        assert words in said


def test_a_deleted_parent_is_still_told_of(workspace: Workspace) -> None:
    first, second = _versions(workspace)
    workspace.delete_dataset(first.id)
    said = words_on(_section(workspace, "versions", second))
    assert "Version 1 · deleted" in said


def test_two_versions_are_compared(workspace: Workspace, open_dialog: OpenDialog) -> None:
    first, second = _versions(workspace)
    app = open_dialog("data.versions", "compare_dialog", (second.id, first.id))
    assert not app.exception
    said = words_on(app)
    assert "Rows removed" in said
    assert any("removed" in one.label for one in app.get("download_button"))


def test_the_list_shows_the_newest_version_of_each_data_set(workspace: Workspace, open_page: OpenPage) -> None:
    _versions(workspace)
    app = open_page("data")
    assert app.dataframe[0].value["name"].tolist() == ["Tickets v2"]
    assert "Clean up white space" in app.dataframe[0].value["change"][0]
    app.toggle(key="datasets-all").set_value(True).run()
    assert sorted(app.dataframe[0].value["name"]) == ["Tickets", "Tickets v2"]


def test_what_was_done_names_the_version_it_started_from(workspace: Workspace) -> None:
    first, _ = _versions(workspace)
    third = dataset_versions.save(workspace, dataset_versions.draft(workspace, first.id, [parse_step("split_anew")]))
    assert versions.what_was_done(workspace.dataset(third.id))[0].startswith("From version 1: Re-split")


def test_every_offer_of_a_repair_has_its_place_on_screen() -> None:
    assert {*REPAIRS} == {*BY_HAND, *(name for names in repair_page.KINDS.values() for name in names)}
