"""The Results page of every task: figures, switches, and the examples behind a click."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.dataset import open_dataset
from core.workspace.workspace import Workspace
from dashboard.results import SCREENS, Focus, multi_label, single_label, token_classification
from dashboard.results.report import training_sentence
from dashboard.runs.live_charts import kept_epoch
from dashboard.shared import state, widgets
from dashboard.shared.escaping import markdown_text
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenPage, button, id_in_address, words_on

TASKS = list(made_workspace.EXAMPLES)


def _figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _plotly(app: AppTest) -> list[dict[str, object]]:
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


def _open_tab(app: AppTest, run: str, split: str, name: str) -> AppTest:
    app.session_state[f"tabs-{run}-{split}"] = name
    return app.run()


def test_without_runs_the_page_leads_to_training(open_page: OpenPage) -> None:
    app = open_page("results")
    button(app, "Train a model").click().run()
    assert app.title[0].value == "Train"


def test_with_only_failed_runs_the_page_leads_to_them(workspace: Workspace, open_page: OpenPage) -> None:
    dataset = made_workspace.make_dataset(workspace, "single_label", "Rows", made_workspace.single_label_examples(2))
    made_workspace.make_failed(workspace, dataset)
    assert "No finished run yet" in words_on(open_page("results"))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_shows_its_headline_figures(
    made: dict[str, str], open_page: OpenPage, workspace: Workspace, task: str
) -> None:
    app = open_page("results", run=made[task])
    assert not app.exception
    run = workspace.run(made[task])
    assert _figures(app)[str(run.headline_name)] == f"{run.headline:.3f}"
    assert "95% confidence interval of the" in words_on(app)


def test_the_page_says_how_many_are_right(made: dict[str, str], open_page: OpenPage, workspace: Workspace) -> None:
    scores = workspace.run_dir(made["single_label"]).result()["splits"]["test"]
    right = round(scores["accuracy"] * scores["num_examples"])
    assert f"{right} of {scores['num_examples']} test examples are classified correctly" in words_on(
        open_page("results", run=made["single_label"])
    )


def test_validation_can_be_shown_and_is_called_optimistic(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("results", run=made["single_label"])
    app.button_group(key=f"split-{made['single_label']}").set_value("validation").run()
    assert "The checkpoint was selected on the validation split" in words_on(app)


@pytest.mark.parametrize(
    ("task", "tabs"),
    [
        ("single_label", ["Labels", "Confusion matrix", "Examples"]),
        ("multi_label", ["Labels", "Confusion matrix", "Thresholds", "Examples"]),
        ("token_classification", ["Types", "Confusion matrix", "Errors", "Token scores", "Examples"]),
    ],
)
def test_every_tab_of_every_task_can_be_opened(made: dict[str, str], open_page: OpenPage, task: str, tabs: list[str]) -> None:
    app = open_page("results", run=made[task])
    assert [tab.label for tab in app.tabs] == tabs
    for tab in tabs:
        _open_tab(app, made[task], "test", tab)
        assert not app.exception
        assert app.get("plotly_chart") or app.dataframe


def test_another_run_can_be_picked_and_stands_in_the_address(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("results", run=made["single_label"])
    app.selectbox[0].set_value(made["multi_label"]).run()
    assert not app.exception
    assert id_in_address(app, "run") == made["multi_label"]
    assert "Exact match" in _figures(app)


def test_of_many_runs_the_newest_are_offered_and_the_one_in_the_address(
    made: dict[str, str], open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets, "MOST_RUNS_OFFERED", 1)
    newest = open_page("results").selectbox(key="pick-Run")
    (only,) = newest.options
    older = next(run for run in made.values() if run != newest.value)
    offered = open_page("results", run=older).selectbox(key="pick-Run")
    assert (len(offered.options), offered.options[0], offered.value) == (2, only, older)
    assert "open older ones from the Runs page" in offered.help


def test_without_an_address_the_newest_finished_run_is_shown(made: dict[str, str], open_page: OpenPage) -> None:
    assert id_in_address(open_page("results"), "run") in {made[task] for task in TASKS}


def test_a_click_on_a_label_opens_the_examples_behind_it(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("results", run=made["single_label"])
    app.session_state["examples_asked_for"] = Focus(label="billing")
    app.run()
    assert not app.exception
    groups = next(group for group in app.button_group if any("False positives" in option for option in map(str, group.options)))
    assert len(groups.options) == 3


def test_many_labels_can_be_drawn_and_filtered(workspace: Workspace, open_page: OpenPage) -> None:
    examples = made_workspace.single_label_examples(4, extra_labels=72)
    run = made_workspace.make_finished(workspace, made_workspace.make_dataset(workspace, "single_label", "Many", examples))
    app = _open_tab(open_page("results", run=run.id), run.id, "test", "Confusion matrix")
    assert len(_plotly(app)[0]["layout"]["yaxis"]["ticktext"]) == 77
    next(one for one in app.selectbox if one.label == "Labels").set_value(20).run()
    assert len(_plotly(app)[0]["layout"]["yaxis"]["ticktext"]) == 20


def test_hostile_labels_and_texts_never_reach_markdown(workspace: Workspace, open_page: OpenPage) -> None:
    hostile = "![](http://evil.example/x.png)<b>b</b>"
    examples = made_workspace.single_label_examples(4)
    examples["label"] = examples["label"].replace("billing", hostile)
    examples["text"] = examples["text"] + hostile
    run = made_workspace.make_finished(workspace, made_workspace.make_dataset(workspace, "single_label", "Rows", examples))
    app = open_page("results", run=run.id)
    app.session_state["examples_asked_for"] = Focus(label=hostile)
    app.run()
    assert not app.exception
    for elements in (app.title, app.subheader, app.caption, app.markdown, app.info, app.metric):
        for element in elements:
            assert "![](http" not in str(element.value)
    for figure in _plotly(app):
        assert "<b>b</b>" not in json.dumps(figure["layout"].get("yaxis", {}))


def _rows(workspace: Workspace, run_id: str, split: str = "test"):
    run = workspace.run(run_id)
    return state.rows_of(workspace.run_dir(run_id), open_dataset(workspace.settings.datasets_folder / run.dataset_id), split)


def test_errors_come_most_confident_first(made: dict[str, str], workspace: Workspace) -> None:
    rows = single_label.with_confidence(_rows(workspace, made["single_label"]))
    wrong = single_label._all_groups(rows)["Errors, most confident first"]
    assert wrong["confidence"].is_monotonic_decreasing
    assert (wrong["gold"] != wrong["predicted"]).all()


@pytest.mark.parametrize("task", ["single_label", "multi_label", "token_classification"])
def test_a_cell_opens_exactly_as_many_examples_as_it_counts(made: dict[str, str], workspace: Workspace, task: str) -> None:
    scores = workspace.run_dir(made[task]).result()["splits"]["test"]
    rows, labels = _rows(workspace, made[task]), scores["confusion"]["labels"]
    for i, gold in enumerate(labels):
        for j, predicted in enumerate(labels):
            count = scores["confusion"]["counts"][i][j]
            if not count:
                continue
            if task == "token_classification":
                gold_name = token_classification.SPURIOUS if i == len(labels) - 1 else gold
                predicted_name = token_classification.MISSED if j == len(labels) - 1 else predicted
                found = token_classification._behind(token_classification._with_matches(rows), Focus(gold_name, predicted_name))
                assert 1 <= len(found["Examples"]) <= count, "several entities of a cell may stand in one text"
            elif task == "multi_label":
                assert len(multi_label._behind(rows, labels, Focus(gold, predicted))["Examples"]) == count
            else:
                found = single_label._behind(single_label.with_confidence(rows), Focus(gold, predicted))
                assert len(found["Examples"]) == count


def test_the_groups_behind_a_label_agree_with_its_counts(made: dict[str, str], workspace: Workspace) -> None:
    scores = workspace.run_dir(made["multi_label"]).result()["splits"]["test"]
    rows, labels = _rows(workspace, made["multi_label"]), scores["confusion"]["labels"]
    for row in scores["labels"]:
        groups = multi_label._behind(rows, labels, Focus(label=row["label"]))
        assert [len(groups[name]) for name in ("False negatives", "False positives", "True positives")] == [
            row["false_negative"],
            row["false_positive"],
            row["true_positive"],
        ]
        assert groups["False negatives"]["confidence"].is_monotonic_decreasing


def test_entities_are_marked_as_plain_text() -> None:
    assert token_classification.marked("Ada met Bob.", [(0, 3, "PER"), (8, 11, "PER")]) == "[Ada · PER] met [Bob · PER]."


@pytest.mark.parametrize("task", TASKS)
def test_kept_predictions_and_labels_become_flat_tables(made: dict[str, str], workspace: Workspace, task: str) -> None:
    scores = workspace.run_dir(made[task]).result()["splits"]["test"]
    rows = _rows(workspace, made[task])
    kept = SCREENS[task].kept_predictions(rows)
    assert {"id", "text", "gold", "predicted"} <= set(kept.columns)
    assert len(kept) == scores["num_examples"]
    assert {"label", "precision", "recall", "f1", "support"} <= set(SCREENS[task].label_table(scores).columns)


def test_what_was_clicked_is_asked_for_once(made: dict[str, str], open_page: OpenPage) -> None:
    app = open_page("results", run=made["single_label"])
    app.session_state["examples_asked_for"] = Focus(label="billing")
    assert "examples_asked_for" not in app.run().session_state


def test_highlighted_entities_escape_every_piece_of_the_text() -> None:
    text = "![](http://evil.example) <b>Ada</b> $x$"
    markdown = token_classification.highlighted(text, [(25, 35, "PER[")], ["PER["])
    assert ":blue-background[" in markdown
    for live in ("![](", "<b>", "$x$", "PER[]", "http:/"):
        assert live not in markdown


def test_a_model_that_is_the_average_of_epochs_is_called_one() -> None:
    alone = {"epochs": 6, "duration_s": 60.0, "best_step": 300, "best_epoch": 5, "from_epochs": [5]}

    assert "best checkpoint at step 300, after epoch 5." in training_sentence({"training": alone})
    for calibration, said in (
        ({}, ""),
        ({"scale": 1.0, "evidence": 0.0}, ""),
        ({"scale": 0.5, "evidence": 0.0}, " Probabilities are calibrated on validation."),
        (
            {"scale": 0.5, "evidence": 0.3},
            " A TF-IDF classifier is added to its predictions; probabilities are calibrated on validation.",
        ),
    ):
        assert training_sentence({"training": alone, "calibration": calibration}).endswith(f"after epoch 5.{said}")
    together = training_sentence({"training": {**alone, "from_epochs": [3, 5, 6]}})
    assert together.endswith("; weights averaged over epochs 3, 5, 6.")


def test_the_epoch_that_is_kept_and_the_highest_one_are_told_with_the_rule() -> None:
    training = {"epochs": 6, "duration_s": 60.0, "best_step": 300, "best_epoch": 5, "from_epochs": [5]}
    chosen = {"selection_metric": "macro_f1", "best_score": 0.91, "highest_epoch": 3, "highest_score": 0.915}
    which = markdown_text(
        "Epoch 5 is kept (validation macro F1 0.9100): the latest epoch within one standard error of the best. "
        "Epoch 3 had the highest (0.9150).",
        longest=400,
    )

    assert training_sentence({"training": {**training, **chosen}}).endswith(f"; checkpoint at step 300. {which}")
    averaged = training_sentence({"training": {**training, **chosen, "from_epochs": [3, 5]}})
    assert averaged.endswith(f"; weights averaged over epochs 3, 5. Single epochs: {which}")


@pytest.mark.parametrize(("so_far", "words"), [(True, "Epoch 2 is kept so far: it has"), (False, "Epoch 2 is kept: it has")])
def test_a_run_page_tells_which_epoch_is_kept(so_far: bool, words: str) -> None:
    first, second = ({"selection/best_epoch": n, "selection/best_score": 0.8, "selection/highest_epoch": n} for n in (1, 2))
    rows = [{"step": 1, **first, "selection/highest_score": 0.8}, {"step": 2, **second, "selection/highest_score": 0.8}]
    plan = {"kind": "plan", "selection_metric": "entity_f1"}

    said = kept_epoch([*rows, {"step": 3, "train/loss": 0.1}], [plan], so_far=so_far)

    assert said == f"{words} the highest validation entity F1 (0.8000)."
    assert kept_epoch(rows, [{"kind": "plan"}], so_far=so_far) == ""  # of an earlier version
    assert kept_epoch([{"step": 1, "train/loss": 0.1}], [plan], so_far=so_far) == ""


def test_a_metric_that_a_result_names_is_text_and_no_markup() -> None:
    training = {"epochs": 1, "best_step": 1, "best_epoch": 1, "best_score": 0.5, "highest_epoch": 1, "highest_score": 0.5}

    said = training_sentence({"training": {**training, "selection_metric": "![x](http://evil.example)"}})

    assert "![" not in said
    assert "](" not in said
