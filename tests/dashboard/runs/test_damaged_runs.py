"""Run directories with damaged files: each page draws what is intact and says what is not, without an unexpected error."""

import shutil
from collections.abc import Callable

import pytest

from core.runs.directory.run_dir import RunDir
from core.workspace.workspace import Workspace
from dashboard.shared.widgets import UNFORESEEN
from tests.dashboard.conftest import OpenPage, button, words_on

ODD_FIGURES = '{"step": 1, "train/loss": "x"}\n[1]\n{"step": "a"}\n{"step": 2, "train/loss": {"a": 1}}\n{"train/loss": 1}\n'
ODD_EVENTS = (
    '{"kind": 3, "message": {"a": 1}, "time": 7}\n{"kind": "plan", "total_steps": "x", "epochs": "y"}\n'
    '{"kind": "resume", "step": "x"}\n{"kind": "warning"}\n'
)
WRONG_TYPES = '{"task": "single_label", "splits": {"test": [], "validation": null}, "training": 3}'

DAMAGES: dict[str, tuple[Callable[[RunDir], object], str]] = {
    "predictions are no parquet": (lambda run: run.predictions_file.write_bytes(b"PAR1 nonsense"), "predictions of this run"),
    "predictions are empty": (lambda run: run.predictions_file.write_bytes(b""), "predictions of this run"),
    "predictions are gone": (lambda run: run.predictions_file.unlink(), ""),
    "result says nothing": (lambda run: run.result_file.write_text("{}"), "result of this run cannot be read"),
    "result says other things": (lambda run: run.result_file.write_text(WRONG_TYPES), "result of this run cannot be read"),
    "result is no JSON": (lambda run: run.result_file.write_bytes(b"\xff\x00{"), "result of this run cannot be read"),
    "figures are none": (lambda run: run.metrics_file.write_text(ODD_FIGURES), ""),
    "events are none": (lambda run: run.events_file.write_text(ODD_EVENTS), ""),
    "config is gone": (lambda run: run.config_file.unlink(), ""),
    "model is gone": (lambda run: shutil.rmtree(run.model, ignore_errors=True), ""),
    "log is binary": (lambda run: run.log_file.write_bytes(bytes(range(256)) * 100), ""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_page_of_a_damaged_run_draws_what_is_whole(
    workspace: Workspace, made: dict[str, str], open_page: OpenPage, damage: str
) -> None:
    del made
    run = next(run for run in workspace.runs() if run.state == "succeeded" and run.task == "single_label")
    break_it, said = DAMAGES[damage]
    break_it(workspace.run_dir(run.id))

    for page in ("results", "run", "runs", "predict"):
        app = open_page(page, run=run.id)
        assert not app.exception, page
        assert UNFORESEEN not in words_on(app), page
        assert page != "results" or said in words_on(app)


LOSSES: dict[str, tuple[Callable[[RunDir], object], str]] = {
    "folder": (lambda run: shutil.rmtree(run.folder), "The folder of this run is missing"),
    "config": (lambda run: run.config_file.write_text("\x00 ["), "The config of this run is missing or damaged"),
    "result": (lambda run: run.result_file.unlink(), "The result of this run is missing or damaged"),
    "model": (lambda run: shutil.rmtree(run.model), "The model of this run is missing"),
}


@pytest.mark.parametrize("lost", LOSSES)
def test_the_page_of_a_run_says_what_of_it_is_lost(
    workspace: Workspace, made: dict[str, str], open_page: OpenPage, lost: str
) -> None:
    run_dir = workspace.run_dir(made["single_label"])
    run_dir.model.mkdir(exist_ok=True)
    (run_dir.model / "config.json").write_text("{}")
    said = {part: sentence for part, (_, sentence) in LOSSES.items()}
    assert not any(sentence in words_on(open_page("run", run=run_dir.folder.name)) for sentence in said.values())

    LOSSES[lost][0](run_dir)

    words = words_on(open_page("run", run=run_dir.folder.name))
    assert [part for part, sentence in said.items() if sentence in words] == [lost]


def test_a_run_whose_config_is_damaged_offers_nothing_that_needs_it(
    workspace: Workspace, made: dict[str, str], open_page: OpenPage
) -> None:
    named = ("Resume", "Train again with changes")
    assert not any(button(open_page("run", run=made["failed"]), name).disabled for name in named)

    workspace.run_dir(made["failed"]).config_file.write_text("training: [")

    assert all(button(open_page("run", run=made["failed"]), name).disabled for name in named)


def test_results_of_a_run_that_is_gone_are_never_quietly_those_of_another(
    workspace: Workspace, made: dict[str, str], open_page: OpenPage
) -> None:
    workspace.delete_run(made["single_label"])

    notice = "The newest finished run is shown instead"
    assert notice in words_on(open_page("results", run=made["single_label"]))
    assert notice in words_on(open_page("predict", run="20260101-000000-zzzzz"))
    assert notice not in words_on(open_page("results", run=made["multi_label"]))
    assert notice not in words_on(open_page("results"))


@pytest.mark.parametrize("page", ["runs", "data"])
def test_an_empty_database_over_full_folders_says_how_to_restore_it(workspace: Workspace, open_page: OpenPage, page: str) -> None:
    assert "The database is empty" not in words_on(open_page(page))
    folder = workspace.settings.runs_folder / "20260101-000000-aaaaa"
    folder.mkdir()
    (folder / "config.yaml").write_text("lost")

    words = words_on(open_page(page))

    assert "The database is empty" in words
    assert "doctor --repair" in words
