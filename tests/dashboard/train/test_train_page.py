"""The Train page: choices, the training plan, and launch."""

import pytest
from streamlit.testing.v1 import AppTest

from core.config.run_config import RunConfig, locate
from core.runs.store.records import RunState
from core.training.planning.run_plan import new_run_config
from core.workspace.workspace import Workspace
from dashboard.train import options_form
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage, button, id_in_address, words_on


def _field(app: AppTest, title: str) -> object:
    for kind in (app.text_input, app.number_input, app.selectbox):
        for one in kind:
            if one.label == title:
                return one
    raise AssertionError(f"no field {title!r}")


def _value(config: RunConfig, name: str) -> object:
    section, field = locate(name)
    return getattr(getattr(config, section), field)


@pytest.fixture
def tickets(workspace: Workspace) -> str:
    """Id of a data set to train on."""
    return made_workspace.make_dataset(workspace, "single_label", "Tickets", made_workspace.single_label_examples()).id


def test_without_a_data_set_the_page_leads_to_one(open_page: OpenPage) -> None:
    app = open_page("train")
    assert not app.exception
    button(app, "Add a data set").click().run()
    assert app.title[0].value == "Data"


@pytest.mark.parametrize("task", list(made_workspace.EXAMPLES))
def test_the_page_says_what_will_happen_for_every_task(workspace: Workspace, open_page: OpenPage, task: str) -> None:
    dataset = made_workspace.make_dataset(workspace, task, "Rows", made_workspace.EXAMPLES[task]())
    app = open_page("train", dataset=dataset.id)
    assert not app.exception
    assert {metric.label for metric in app.metric} >= {"Training examples", "Estimated time", "Epochs", "Steps"}
    assert next(metric.value for metric in app.metric if metric.label == "Estimated time") == "unknown"
    assert any(caption.value.startswith("Memory: about ") for caption in app.caption)
    assert "Why these values" in words_on(app)


@pytest.mark.parametrize("recipe", ["automatic", "frozen_encoder"])
def test_the_page_says_why_for_every_value_the_recipe_has_reasons_for(
    workspace: Workspace, open_page: OpenPage, tickets: str, recipe: str
) -> None:
    app = open_page("train", dataset=tickets)
    app.button_group(key="train-recipe").set_value(recipe).run()
    words = words_on(app)
    _, reasons = new_run_config(workspace.dataset(tickets), hub_folder=workspace.settings.hub_models_folder, recipe=recipe)
    assert len(reasons) > 4
    fields = [field for essential in (True, False) for of in options_form.fields_of(essential).values() for field in of]
    told = [field.declared.title for field in fields if field.name in reasons]
    assert all(f"{title}: " in words for title in told)


def test_launch_queues_the_run_and_goes_to_its_page(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    app = open_page("train", dataset=tickets)
    app.text_input(key="train-name").set_value("My run").run()
    app.button(key="launch-0").click().run()
    assert not app.exception
    (run,) = workspace.runs()
    assert (run.name, run.state) == ("My run", RunState.QUEUED)
    assert app.title[0].value == "My run"
    assert id_in_address(app, "run") == run.id


def test_a_changed_setting_wins_over_the_recipe(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    app = open_page("train", dataset=tickets)
    _field(app, "Learning rate").set_value("3e-5")
    _field(app, "Epochs").set_value(2)
    app.run()
    words = words_on(app)
    assert "2 settings changed" in words
    assert "Epochs: " not in words, "the recipe's reason no longer holds"
    app.button(key="launch-0").click().run()
    config = workspace.run_dir(workspace.runs()[0].id).config()
    assert (_value(config, "learning_rate"), _value(config, "epochs")) == (3e-5, 2)


def test_what_the_chosen_way_of_learning_leaves_unread_is_not_shown_explained_or_launched(
    workspace: Workspace, open_page: OpenPage
) -> None:
    many = made_workspace.make_dataset(workspace, "single_label", "Many", made_workspace.single_label_examples(copies=700))
    app = open_page("train", dataset=many.id)
    assert _field(app, "Token masking").value == "0.1"
    assert "Token masking: " in words_on(app)
    _field(app, "Trainable parameters").set_value("head").run()
    shown = {one.label for kind in (app.text_input, app.number_input) for one in kind}
    assert not {"Token masking", "Encoder dropout", "Top layers", "Layer-wise learning-rate decay"} & shown
    unread = ("Token masking: ", "Top layers: ", "Layer-wise learning-rate decay: ")
    assert not [title for title in unread if title in words_on(app)]
    app.button(key="launch-0").click().run()
    config = workspace.run_dir(workspace.runs()[0].id).config()
    assert (config.learning.trainable, config.model.token_masking, config.learning.layer_decay) == ("head", 0.0, 1.0)


def test_an_untouched_form_launches_exactly_the_recipe(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    from core.training.planning.run_plan import new_run_config

    open_page("train", dataset=tickets).button(key="launch-0").click().run()
    recommended, _ = new_run_config(workspace.dataset(tickets), hub_folder=workspace.settings.hub_models_folder)
    assert workspace.run_dir(workspace.runs()[0].id).config() == recommended


def test_another_recipe_shows_its_own_values(open_page: OpenPage, tickets: str) -> None:
    app = open_page("train", dataset=tickets)
    before = _field(app, "Epochs").value
    app.button_group[1].set_value("thorough").run()
    assert _field(app, "Epochs").value == 2 * before


@pytest.mark.parametrize(
    ("title", "typed"),
    [("Learning rate", "-1"), ("Warm-up (share of steps)", "1.0"), ("Maximum input length (tokens)", 5000)],
)
def test_a_value_out_of_range_is_named_where_it_was_made(open_page: OpenPage, tickets: str, title: str, typed: object) -> None:
    app = open_page("train", dataset=tickets)
    _field(app, title).set_value(typed)
    app.run()
    assert not app.exception
    assert title.split(" ")[0] in words_on(app).split("expected")[0] or app.error
    assert app.error
    assert not [one for one in app.button if str(one.key).startswith("launch")]


def test_a_model_folder_that_is_none_is_refused_before_launch(open_page: OpenPage, tickets: str) -> None:
    app = open_page("train", dataset=tickets)
    app.button_group[0].set_value("folder").run()
    app.text_input(key="train-model-folder").set_value("/no/such/folder").run()
    assert not app.exception
    assert app.error
    assert "/no/such/folder" in words_on(app)


def test_every_declared_option_has_its_field_exactly_once() -> None:
    names = [
        field.name for essential in (True, False) for fields in options_form.fields_of(essential).values() for field in fields
    ]
    assert len(names) == len(set(names))
    assert {"learning_rate", "epochs", "batch_size", "seed", "pooling"} <= set(names)


def test_two_clicks_on_the_same_button_make_one_run_and_lead_to_it(
    workspace: Workspace, open_page: OpenPage, tickets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.train.train_form._DOUBLE_CLICK_S", 3600.0)
    app = open_page("train", dataset=tickets)
    app.button(key="launch-0").click().run()
    app.switch_page("app_pages/train.py").run()
    assert app.title[0].value == "Tickets 1"
    assert len(workspace.runs()) == 1


def test_a_late_second_click_meets_a_button_that_launches_nothing(
    workspace: Workspace, open_page: OpenPage, tickets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.train.train_form._DOUBLE_CLICK_S", -1.0)
    app = open_page("train", dataset=tickets)
    app.button(key="launch-0").click().run()
    app.switch_page("app_pages/train.py").run()
    assert [one.key for one in app.button if str(one.key).startswith("launch")] == ["launch-1"]
    assert len(workspace.runs()) == 1


def test_the_lengths_of_the_texts_are_drawn_with_the_limit(open_page: OpenPage, tickets: str) -> None:
    app = open_page("train", dataset=tickets)
    assert "so all texts fit" in words_on(app)
    _field(app, "Maximum input length (tokens)").set_value(10)
    app.run()
    words = words_on(app)
    assert "so all texts fit" not in words
    assert "Inputs are truncated at 10 tokens" in words
    assert "of all tokens" in words
    assert len(app.get("plotly_chart")) == 1


def test_what_other_limits_would_truncate_is_said_before_launch(workspace: Workspace, open_page: OpenPage) -> None:
    examples = made_workspace.single_label_examples()
    dataset = made_workspace.make_dataset(workspace, "single_label", "Long", examples.assign(text="word " * 38))
    app = open_page("train", dataset=dataset.id)
    words = words_on(app)
    assert "Other limits would truncate:" in words
    assert "16 tokens: 100% of texts, 60% of all tokens" in words
    assert "32 tokens: 100% of texts, 20% of all tokens" in words
