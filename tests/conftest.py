"""Fixtures every test may use: a tiny pretrained model and small data sets, made on the spot, nothing downloaded."""

import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tiny models gain nothing from a second thread, and threads that wait for each other slow the whole machine down.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TUNEBOARD_THREADS"] = "1"

from tests import postgresql, reaper
from tests.tiny import tiny_dataset, write_tiny_model

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a randomly initialised two-layer BERT with a vocabulary of its own, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    write_tiny_model(folder)
    return folder


@pytest.fixture
def colour_examples() -> pd.DataFrame:
    """Sixty short texts about two colours that even a tiny model can tell apart."""
    return tiny_dataset()


@pytest.fixture(autouse=True)
def _no_workspace_of_the_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test ever touches a real workspace."""
    monkeypatch.setenv("TUNEBOARD_HOME", str(tmp_path / "workspace"))
    monkeypatch.delenv("TUNEBOARD_DATABASE_URL", raising=False)


def pytest_sessionstart() -> None:
    """All processes that the tests start end with them, even if they are killed."""
    reaper.engage()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report that a part of the tests could not run."""
    if postgresql.programs() is None:
        terminalreporter.write_line("PostgreSQL is not installed: the database was tested on SQLite only.", yellow=True)
