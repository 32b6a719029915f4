"""Check reports for the screens: for the chosen model, cached, with a progress bar while the checks run."""

import weakref
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core.datasets.checks.finding import CheckReport
from core.datasets.dataset import Dataset
from core.datasets.importing.prepare import Prepared
from core.errors import ModelError
from core.models.hub import BUNDLED, ModelInfo, describe
from dashboard.shared import state, widgets

_MODEL = "findings-model"


def draw_model_choice() -> ModelInfo | None:
    """The model against which text lengths and vocabulary are checked; a select box only if there are several.

    Returns:
        the model, or None if there is no local model.
    """
    references = _models_here()
    if len(references) > 1:
        if st.session_state.get(_MODEL) not in references:
            st.session_state[_MODEL] = references[0]
        st.selectbox("Check against model", references, format_func=widgets.model_title, key=_MODEL, width=340)
    return chosen_model()


def chosen_model() -> ModelInfo | None:
    """The model chosen by ``draw_model_choice``, by default the first one."""
    references = _models_here()
    chosen = st.session_state.get(_MODEL)
    return _described(chosen if chosen in references else references[0]) if references else None


def report_of_dataset(dataset: Dataset, model: ModelInfo | None) -> CheckReport:
    """The report of a data set, with a progress bar while it is computed."""
    from core.datasets.checks.report_cache import kept_report, report_of

    found = kept_report(dataset, model)
    return found if found is not None else _with_bar(lambda progress: report_of(dataset, model, progress))


def report_of_prepared(prepared: Prepared, model: ModelInfo | None) -> CheckReport:
    """The report of an import, computed once for each way of reading it."""
    cached = _reports_of_prepared()
    key = id(prepared), "" if model is None else str(model.folder)
    found = cached.get(key)
    if found is None or found[0]() is not prepared:  # a new object may reuse the id of a deleted one
        from core.datasets.checks.run_checks import examine_prepared

        while len(cached) >= _MOST_KEPT:
            cached.pop(next(iter(cached)), None)
        # A weak reference: the rows may be large and are freed when no page shows them.
        found = weakref.ref(prepared), _with_bar(lambda progress: examine_prepared(prepared, model, progress))
        cached[key] = found
    return found[1]


_MOST_KEPT = 4


@st.cache_resource(show_spinner=False, ttl=3600)
def _reports_of_prepared() -> "dict[tuple[int, str], tuple[weakref.ref[Prepared], CheckReport]]":
    return {}


def _with_bar(make: Callable[[Callable[[float, str], None]], CheckReport]) -> CheckReport:
    bar = st.progress(0.0, "Checking the data …")
    try:
        return make(lambda share, doing: _show(bar, share, doing))
    finally:
        bar.empty()


def _show(bar: "st.delta_generator.DeltaGenerator", share: float, doing: str) -> None:
    bar.progress(min(1.0, max(0.0, share)), f"{doing} …")


def _models_here() -> list[str]:
    """References of the local models: the bundled one, downloaded ones, and a folder named on the Train page."""
    hub = state.workspace().settings.hub_models_folder
    downloaded = (
        sorted(folder.name.replace("--", "/", 1) for folder in hub.iterdir() if _is_model(folder)) if hub.is_dir() else []
    )
    named = str(st.session_state.get("train-model-folder") or "").strip()
    references = [BUNDLED, *downloaded, *([named] if named else [])]
    return [reference for reference in dict.fromkeys(references) if _described(reference) is not None]


def _is_model(folder: Path) -> bool:
    return not folder.name.startswith(".") and (folder / "tokenizer.json").is_file()


def _described(reference: str) -> ModelInfo | None:
    try:
        info = describe(reference, state.workspace().settings.hub_models_folder)
    except ModelError:
        return None
    return info if info.folder is not None else None
