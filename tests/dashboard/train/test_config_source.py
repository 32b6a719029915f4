"""Starting from a config file or an earlier run: which settings are used, and what is refused in plain words."""

import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from core.config.run_config import RunConfig
from core.errors import ConfigError
from core.training.planning.run_plan import new_run_config
from core.workspace.workspace import Workspace
from dashboard.train.config_source import starting_point
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage, button, id_in_address, words_on

LAUGHS = "\n".join(["a0: &a0 [x,x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))])
VALUES = {
    "epochs": 3,
    "learning_rate": 7e-5,
    "schedule": "exponential",
    "decay_rate": 0.7,
    "max_length": 40,
    "deterministic": True,
}


@pytest.fixture
def tickets(workspace: Workspace) -> str:
    """Id of a data set to train on."""
    return made_workspace.make_dataset(workspace, "single_label", "Tickets", made_workspace.single_label_examples(3)).id


def _config(workspace: Workspace, dataset_id: str, **values: object) -> RunConfig:
    hub_folder = workspace.settings.hub_models_folder
    config, _ = new_run_config(workspace.dataset(dataset_id), hub_folder=hub_folder, recipe="thorough", values=values)
    return config


def _upload(app: AppTest, text: str | bytes) -> AppTest:
    content = text.encode() if isinstance(text, str) else text
    app.file_uploader(key="train-config").set_value(("mine.yaml", content, "application/yaml"))
    return app.run()


def _launched(app: AppTest, workspace: Workspace) -> RunConfig:
    app.button(key="launch-0").click().run()
    assert not app.exception
    return workspace.run_dir(workspace.runs()[0].id).config()


def test_a_run_can_be_trained_again_exactly_as_it_was(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    earlier = workspace.launch(_config(workspace, tickets, **VALUES))
    app = open_page("run", run=earlier.id)
    button(app, "Train again with changes").click().run()
    assert not app.exception
    assert (app.title[0].value, id_in_address(app, "like"), id_in_address(app, "dataset")) == ("Train", earlier.id, tickets)
    assert f"Settings from run {earlier.name}" in words_on(app)
    assert _launched(app, workspace) == workspace.run_dir(earlier.id).config()


def test_what_is_changed_wins_over_the_earlier_run(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    earlier = workspace.launch(_config(workspace, tickets, **VALUES))
    app = open_page("train", dataset=tickets, like=earlier.id)
    next(one for one in app.number_input if one.label == "Epochs").set_value(5)
    app.run()
    config = workspace.run_dir(earlier.id).config()
    assert _launched(app, workspace) == dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=5))


def test_the_recipe_can_be_had_back(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    earlier = workspace.launch(_config(workspace, tickets, **VALUES))
    app = open_page("train", dataset=tickets, like=earlier.id)
    button(app, "Use recipe defaults").click().run()
    assert "like" not in app.query_params
    assert _launched(app, workspace) == _config(workspace, tickets)


def test_an_uploaded_config_fills_the_form_whatever_rows_it_was_made_for(
    workspace: Workspace, open_page: OpenPage, tickets: str
) -> None:
    other = made_workspace.make_dataset(workspace, "single_label", "Others", made_workspace.single_label_examples(2))
    app = _upload(open_page("train", dataset=tickets), _config(workspace, other.id, **VALUES).to_yaml())
    assert _launched(app, workspace) == _config(workspace, tickets, **VALUES)


def test_a_few_lines_are_enough(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    app = _upload(open_page("train", dataset=tickets), "training:\n  epochs: 4\n")
    assert "recipe" not in words_on(app).split("Settings from")[1].split("\n")[0]
    assert _launched(app, workspace).training.epochs == 4


def test_the_model_of_a_file_is_taken_over(open_page: OpenPage, tickets: str) -> None:
    app = _upload(open_page("train", dataset=tickets), "model:\n  model: /no/such/model\n")
    assert not app.exception
    assert app.text_input(key="train-model-folder").value == "/no/such/model"
    assert "/no/such/model" in words_on(app)


def test_a_figure_of_another_task_is_refused_by_its_name(open_page: OpenPage, tickets: str) -> None:
    app = _upload(open_page("train", dataset=tickets), "training:\n  selection_metric: entity_f1\n")
    assert not app.exception
    assert "Model selection metric (line 2) is 'entity_f1'" in words_on(app)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training:\n  epochs: 0\n", "training.epochs (line 2) is 0; expected at least 1"),
        ("training:\n  epoch: 3\n", "training.epoch (line 2) is not an option"),
        ("trainig:\n  epochs: 3\n", "trainig (line 1) is not a section"),
        ("recipe: magic\n", "recipe (line 1) is 'magic'"),
        ("training:\n  epochs: [3]\n", "training.epochs (line 2) is not a single value"),
        ("training:\n- epochs\n", "training (line 1) is not a single value"),
        ("a: b: c\n", "config is not valid YAML at line 1"),
        ("just words", "config is a str"),
        ("", "config is empty"),
        (b"\xff\xfe\x00", "config is not UTF-8 text"),
        ("x" * 300_000, "config is 292 KiB long"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_in_plain_words(
    open_page: OpenPage, tickets: str, text: str | bytes, said: str
) -> None:
    app = _upload(open_page("train", dataset=tickets), text)
    assert not app.exception
    assert said in words_on(app)
    assert not [one for one in app.button if str(one.key).startswith("launch")]


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        "[" * 20_000,
        "training:\n  epochs: " + "9" * 6000,
        "training:\n  epochs: 2020-13-45\n",
        "1: 2\nb: 3\n",
        'model:\n  model: "\\ud800"\n',
        '"\\ud800": 3\n',
        "training:\n  seed: .nan\n",
        "model: &m\n  model: bundled\nhead: *m\n",
        "!!python/object/apply:os.system [ls]",
    ],
)
def test_a_malicious_config_is_refused_at_once(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        starting_point(text)
    assert len(str(caught.value).encode()) < 1500


def test_an_earlier_run_that_is_gone_is_said_and_the_recipe_used(workspace: Workspace, open_page: OpenPage, tickets: str) -> None:
    app = open_page("train", dataset=tickets, like="20200101-000000-aaaaa")
    assert "The run to start from no longer exists" in words_on(app)
    expected, _ = new_run_config(workspace.dataset(tickets), hub_folder=workspace.settings.hub_models_folder)
    assert _launched(app, workspace) == expected
