"""The labels of a data set: how often each occurs, and its most typical words."""

from pathlib import Path

import pandas as pd
import streamlit as st

from core.datasets.dataset import Dataset, open_dataset
from core.tasks import SPLITS, get_task
from dashboard.charts.labels import label_counts_figure
from dashboard.shared import widgets


def draw_labels(dataset: Dataset) -> None:
    """A bar chart of label counts, and a table of typical words."""
    widgets.chart(label_counts_figure(dataset.label_counts), key="dataset-labels", alt="Examples of each label")
    words = _typical(dataset.folder)
    names = get_task(dataset.task).head_level == "token"
    totals = {label: sum(dataset.label_counts.get(split, {}).get(label, 0) for split in SPLITS) for label in words}
    table = pd.DataFrame(
        [(label, totals[label], words[label]) for label in sorted(words, key=lambda label: (-totals[label], label))],
        columns=["label", "examples", "words"],
    )
    st.caption(
        "The most frequent names of each entity type. Check that they belong to the type."
        if names
        else "The most typical words of each label: frequent in its texts, rare in others. Check that they fit the label."
    )
    st.dataframe(
        table,
        hide_index=True,
        key="dataset-typical",
        column_config={
            "label": st.column_config.TextColumn("Label", width="medium"),
            "examples": st.column_config.NumberColumn("Examples", width=85),
            "words": st.column_config.ListColumn("Typical names" if names else "Typical words", width="large"),
        },
        alt="Typical words of each label",
    )


@st.cache_data(show_spinner="Reading the texts…", max_entries=16)
def _typical(folder: Path) -> dict[str, list[str]]:
    from core.datasets.checks.labels.keywords import typical_words
    from core.datasets.checks.run_checks import material_of_dataset

    return typical_words(material_of_dataset(open_dataset(folder)))
