"""What the pages may load when they are opened."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


def _loaded_by(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded_by_pages() -> set[str]:
    modules = ", ".join(
        f"dashboard.{name}"
        for name in (
            "shared.widgets",
            "data.importing.import_form",
            "data.dataset_page",
            "train.train_form",
            "runs.run_page",
            "runs.table",
            "results",
            "predict.predict_page",
        )
    )
    return _loaded_by(f"import {modules}")


@pytest.mark.parametrize("heavy", ["torch", "transformers", "sklearn", "accelerate"])
def test_no_page_loads_a_training_library(loaded_by_pages: set[str], heavy: str) -> None:
    assert heavy not in loaded_by_pages


def test_charts_know_nothing_of_streamlit() -> None:
    modules = "dashboard.charts.confusion, dashboard.charts.curves, dashboard.charts.decisions, dashboard.charts.labels"
    assert "streamlit" not in _loaded_by(f"import {modules}")
