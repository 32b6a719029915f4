"""Warnings of the checks on the Train page: a model that does not know the vocabulary, and serious findings."""

from pathlib import Path

import streamlit as st

from core.datasets.checks.finding import Severity
from core.datasets.dataset import Dataset, open_dataset
from core.models.hub import ModelInfo
from dashboard.shared import formats
from dashboard.shared.escaping import markdown_text

_BESIDES = {"vocabulary", "too_long"}
"""Checks whose findings depend on the model and are shown separately."""


def draw_warnings(dataset: Dataset, model: ModelInfo) -> None:
    """Warnings for the Train page, if there are any.

    Args:
        dataset: the data set to train on.
        model: the model chosen for it.
    """
    if model.folder is not None:
        for title in _vocabulary(dataset.folder, model):
            st.warning(
                f"{markdown_text(title, longest=300)}. Choose a model made for this language, or a multilingual one.",
                icon=":material/translate:",
            )
    number = _serious(dataset)
    if number:
        st.warning(
            f"The checks of this data set found {formats.plural(number, 'serious issue')}. Open the data set on the Data page "
            "to fix them.",
            icon=":material/error:",
        )


def _serious(dataset: Dataset) -> int:
    """Number of serious findings in the cached reports, whichever model they were for."""
    from core.datasets.checks.report_cache import every_kept_report

    return max(
        (sum(finding.check not in _BESIDES for finding in report.of(Severity.SERIOUS)) for report in every_kept_report(dataset)),
        default=0,
    )


@st.cache_data(show_spinner=False, max_entries=32, hash_funcs={ModelInfo: repr})
def _vocabulary(folder: Path, model: ModelInfo) -> list[str]:
    from core.datasets.checks.run_checks import material_of_dataset
    from core.datasets.checks.texts.vocabulary import check_vocabulary

    return [finding.title for finding in check_vocabulary(material_of_dataset(open_dataset(folder), model))]
