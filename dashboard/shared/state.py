"""State that outlives one run of a page's script: the open workspace, ids in the URL and the session, and cached reads.

A session holds ids and form values only. Everything else is read again, so that a refresh, a second tab and a restarted server
show the same.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import pandas as pd
import streamlit as st

from core.config.settings import Settings
from core.datasets.dataset import Dataset, open_dataset
from core.errors import RunError, UserError
from core.runs.directory.run_dir import RunDir
from core.tasks import get_task
from core.workspace.workspace import Workspace
from dashboard.runs.live_feed import RunFeed
from dashboard.server import auth

DATA_PAGE = "app_pages/data.py"
TRAIN_PAGE = "app_pages/train.py"
RUNS_PAGE = "app_pages/runs.py"
RUN_PAGE = "app_pages/run.py"
RESULTS_PAGE = "app_pages/results.py"
PREDICT_PAGE = "app_pages/predict.py"

_FLASH = "flash"


def workspace() -> Workspace:
    """The workspace that the environment points to, with its scheduler running, limited to what the current user may see.

    There is one for the whole server.

    Raises:
        UserError: the user has no access.
    """
    user = auth.current_user()
    opened = whole_workspace(Settings.from_environment())
    if opened.scheduler is not None:
        opened.scheduler.expect_launch()
    return opened if user is None else opened.for_user(user.name, is_administrator=user.is_administrator)


@st.cache_resource(show_spinner=False, hash_funcs={Settings: repr})
def whole_workspace(settings: Settings) -> Workspace:
    """The server's own, unlimited view of the workspace; opened once, when the server starts or else by the first page."""
    opened = Workspace.open(settings)
    opened.start_launcher()
    return opened


# --- ids in the URL --------------------------------------------------------------------------------------------------------


def id_in_url(name: str) -> str | None:
    """The id a link carries, such as ``run`` in ``?run=…``."""
    return st.query_params.get(name) or None


def remembered_id(name: str) -> str | None:
    """The id in the URL, or else the one last seen in this tab."""
    found = id_in_url(name)
    if found is not None:
        remember_id(name, found)
        return found
    return st.session_state.get(f"last_{name}")


def remember_id(name: str, value: str) -> None:
    """Keep an id for the other pages of this tab."""
    st.session_state[f"last_{name}"] = value


def go_to(page: str, **ids: str) -> NoReturn:
    """Switch to another page; ids go into its URL."""
    for name, value in ids.items():
        remember_id(name, value)
    st.switch_page(page, query_params=ids)


# --- a toast for the next page ---------------------------------------------------------------------------------------------


def flash(sentence: str) -> None:
    """Show a toast once, on the next script run or page. The sentence is markdown: escape names in it."""
    st.session_state[_FLASH] = sentence


def show_flash() -> None:
    """Show the toast that ``flash`` stored, once."""
    sentence = st.session_state.pop(_FLASH, None)
    if sentence:
        st.toast(sentence, icon=":material/check:")


# --- cached reads ----------------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, max_entries=64)
def run_feed(folder: Path) -> RunFeed:
    """The reader of a run's growing files, shared by every tab that shows the run."""
    return RunFeed(RunDir(folder))


def result_of(run_dir: RunDir) -> dict[str, Any] | None:
    """The result of a complete run, read once for each modification time of the file."""
    return cast("dict[str, Any] | None", _when_unchanged(run_dir.result_file, _read_result))


def rows_of(run_dir: RunDir, dataset: Dataset, split: str) -> pd.DataFrame:
    """A split's examples with ``gold``, ``predicted`` and ``probabilities`` beside the data set's columns.

    Raises:
        RunError: the predictions file exists but is damaged.
    """
    found = _when_unchanged(run_dir.predictions_file, lambda path, modified: _read_rows(path, modified, dataset.folder, split))
    return no_rows(dataset, split) if found is None else cast(pd.DataFrame, found)


def no_rows(dataset: Dataset, split: str) -> pd.DataFrame:
    """What ``rows_of`` gives if there are no predictions."""
    return dataset.examples(split).iloc[:0].assign(gold=None, predicted=None, probabilities=None)


def examples_of(dataset: Dataset, split: str | None = None) -> pd.DataFrame:
    """Rows of a data set, or of one of its splits; data sets never change."""
    return _read_examples(dataset.folder, split)


def _when_unchanged(path: Path, read: Callable[[Path, float], Any]) -> Any:
    try:
        return read(path, path.stat().st_mtime)
    except FileNotFoundError:
        return None


@st.cache_data(show_spinner=False, max_entries=16)
def _read_result(path: Path, modified: float) -> dict[str, Any] | None:  # noqa: ARG001 - the time is part of the cache's key
    result = RunDir(path.parent).result()
    return result if result is not None and _is_whole(result) else None


def _is_whole(result: dict[str, Any]) -> bool:
    """Whether a result holds everything the pages draw, so that a damaged one is detected before anything is drawn."""
    try:
        for split in ("test", "validation"):
            get_task(result["task"]).flat_scores(result["splits"][split])
        return all(isinstance(result[part], dict) for part in ("training", "model", "dataset"))
    except (UserError, LookupError, TypeError, ValueError, AttributeError):
        return False


@st.cache_resource(show_spinner=False, max_entries=8)
def _read_rows(path: Path, modified: float, dataset_folder: Path, split: str) -> pd.DataFrame:  # noqa: ARG001 - part of the key
    try:
        predictions = pd.read_parquet(path, filters=[("split", "==", split)])[["id", "gold", "predicted", "probabilities"]]
    except (OSError, ValueError, LookupError):
        raise RunError(
            "The predictions of this run are damaged (predictions.parquet), so its examples cannot be shown. The scores below "
            "are not affected. To get the examples back, train the run again."
        ) from None
    return open_dataset(dataset_folder).examples(split).merge(predictions, on="id", how="inner")


@st.cache_resource(show_spinner=False, max_entries=8)
def _read_examples(folder: Path, split: str | None) -> pd.DataFrame:
    return open_dataset(folder).examples(split)
