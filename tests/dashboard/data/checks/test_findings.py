"""Findings on screen: grouped, opened one by one, user text as text; typical words, rows by label, lengths in tokens."""

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.dataset import Dataset
from core.workspace.workspace import Workspace
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage, words_on

HOSTILE = "ada@home.example ![](http://evil.example/x.png) <b>bold</b> $x$ :material/delete:"
OpenTab = Callable[[str, Dataset], AppTest]


@pytest.fixture
def open_tab(open_page: OpenPage) -> OpenTab:
    """Opens a tab of a data set's page."""

    def open_one(tab: str, dataset: Dataset) -> AppTest:
        app = open_page("data", dataset=dataset.id)
        app.session_state["dataset-tabs"] = tab
        return app.run()

    return open_one


@pytest.fixture
def faulty(workspace: Workspace) -> Dataset:
    """A data set with two spellings of a label, an e-mail address and hostile texts."""
    rows = made_workspace.single_label_examples(4)
    rows["label"] = [("Billing" if label == "billing" and place % 2 else label) for place, label in enumerate(rows["label"])]
    hostile = pd.DataFrame({"text": [HOSTILE, f"{HOSTILE} again"], "label": ["billing"] * 2})
    return made_workspace.make_dataset(workspace, "single_label", "Faulty", pd.concat([rows, hostile]))


def opened(app: AppTest, dataset: Dataset, check: str) -> AppTest:
    """The page with one finding opened."""
    app.session_state[f"findings-{dataset.id}-{check}"] = True
    return app.run()


def test_findings_stand_on_the_page_the_most_severe_first(faulty: Dataset, open_tab: OpenTab) -> None:
    app = open_tab("Checks", faulty)

    assert not app.exception
    titles = [one.label for one in app.expander]
    assert "spelt in more than one way" in titles[0]
    assert any("Personal data" in title for title in titles)
    assert "Checked all" in words_on(app)
    assert not app.dataframe, "nothing is drawn before it is opened"


def test_an_opened_finding_shows_examples_the_effect_and_repairs(faulty: Dataset, open_tab: OpenTab) -> None:
    app = opened(open_tab("Checks", faulty), faulty, "same_label_names")

    assert not app.exception
    assert "'Billing'" in app.dataframe[0].value["text"][0]
    assert "learned as a separate label" in words_on(app)
    assert any(one.label.startswith("Merge into") for one in app.button)


def test_texts_in_findings_are_shown_as_text(faulty: Dataset, open_tab: OpenTab) -> None:
    app = opened(open_tab("Checks", faulty), faulty, "personal_data")

    assert any(HOSTILE in str(text) for text in app.dataframe[0].value["text"])
    for element in [*app.markdown, *app.caption, *app.expander]:
        words = str(getattr(element, "value", None) or getattr(element, "label", ""))
        assert "evil.example" not in words


def test_an_offer_leads_to_its_preview(faulty: Dataset, open_tab: OpenTab) -> None:
    app = opened(open_tab("Checks", faulty), faulty, "same_label_names")

    next(one for one in app.button if one.label.startswith("Merge into")).click().run()

    assert not app.exception
    assert any(one.label == "Create new version" for one in app.button)


@pytest.mark.parametrize("task", list(made_workspace.EXAMPLES))
@pytest.mark.parametrize("tab", ["Checks", "Labels", "Text lengths", "Rows"])
def test_every_tab_opens_for_every_task(workspace: Workspace, open_tab: OpenTab, task: str, tab: str) -> None:
    dataset = made_workspace.make_dataset(workspace, task, "Opened", made_workspace.EXAMPLES[task]())

    assert not open_tab(tab, dataset).exception


def test_every_label_is_shown_with_its_typical_words(workspace: Workspace, open_tab: OpenTab) -> None:
    dataset = made_workspace.make_dataset(workspace, "single_label", "Words", made_workspace.single_label_examples())

    table = open_tab("Labels", dataset).dataframe[0].value.set_index("label")

    assert set(table.index) == set(made_workspace.SINGLE_TEXTS)
    assert table.loc["billing", "examples"] == 36
    assert {"charged", "fee", "bill"} & set(table.loc["billing", "words"])


def test_rows_are_chosen_by_label_and_searched(workspace: Workspace, open_tab: OpenTab) -> None:
    dataset = made_workspace.make_dataset(workspace, "multi_label", "Rows", made_workspace.multi_label_examples())
    app = open_tab("Rows", dataset)

    next(one for one in app.selectbox if one.label == "Label").set_value("praise").run()
    chosen = app.dataframe[0].value
    app.text_input(key="dataset-search").set_value(" ".join(chosen["text"].iloc[0].upper().split()[:2])).run()
    found = app.dataframe[0].value

    assert len(chosen) > len(found)
    assert all("praise" in labels for labels in chosen["labels"])
    assert chosen["text"].iloc[0] in set(found["text"])


def test_lengths_are_in_tokens_of_the_model(workspace: Workspace, open_tab: OpenTab) -> None:
    dataset = made_workspace.make_dataset(workspace, "single_label", "Lengths", made_workspace.single_label_examples())

    said = words_on(open_tab("Text lengths", dataset))

    assert "tokens" in said
    assert "so all texts fit" in said


def test_an_import_is_checked_before_it_is_saved(open_page: OpenPage) -> None:
    rows = "".join(f"text number {i} of the file,{'good' if i % 3 else 'Good' if i % 2 else 'bad'}\n" for i in range(60))
    app = open_page("data")
    app.file_uploader(key="data-upload").set_value(("mine.csv", f"message,topic\n{rows}".encode(), "text/csv"))

    app.run()

    assert not app.exception
    assert any("spelt in more than one way" in one.label for one in app.expander)
    assert "Save the data set to repair it" in words_on(app)


def test_a_big_import_is_checked_only_when_asked(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.data.checks.findings._CHECKED_AT_ONCE", 10)
    rows = "".join(f"text number {i} of the file,{'good' if i % 3 else 'bad'}\n" for i in range(60))
    app = open_page("data")
    app.file_uploader(key="data-upload").set_value(("mine.csv", f"message,topic\n{rows}".encode(), "text/csv"))
    app.run()
    assert "Checked " not in words_on(app)

    next(one for one in app.button if one.label == "Check now").click().run()

    assert "Checked all" in words_on(app)


def test_the_train_page_says_what_the_model_does_not_know_and_what_the_checks_found(
    workspace: Workspace, open_page: OpenPage, open_tab: OpenTab, faulty: Dataset
) -> None:
    rows = made_workspace.single_label_examples(4)
    rows["text"] = [f"我想知道第{number}个包裹什么时候能到，请尽快告诉我" for number in range(len(rows))]
    chinese = made_workspace.make_dataset(workspace, "single_label", "Chinese", rows)
    open_tab("Checks", faulty)

    assert "does not cover these texts" in words_on(open_page("train", dataset=chinese.id))
    said = words_on(open_page("train", dataset=faulty.id))
    assert "does not cover these texts" not in said
    assert "serious issue" in said
