"""Run directories whose files were damaged: each page draws what is whole and says what is not, and nothing is unforeseen."""

import shutil
from collections.abc import Callable

import pytest

from core.runs.run_dir import RunDir
from core.workspace import Workspace
from dashboard.widgets import UNFORESEEN
from tests.dashboard.conftest import OpenPage, words_on

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
