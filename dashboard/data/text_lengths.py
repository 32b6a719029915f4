"""Text lengths: in tokens of the chosen model, with its limit, or in words if no tokenizer is available."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.datasets.dataset import Dataset
from core.datasets.importing.prepare import Prepared
from core.tasks import get_task
from dashboard.charts.labels import text_lengths_figure, token_lengths_figure
from dashboard.data.checks.reports import chosen_model
from dashboard.shared import formats, state, widgets
from dashboard.shared.escaping import markdown_text

_MOST_READ = 5000
_MOST_CHARACTERS = 20_000_000


def draw_lengths_of_dataset(dataset: Dataset) -> None:
    """Lengths of all texts of a data set."""
    _draw(state.examples_of(dataset)["text"], dataset.task, key="dataset")


def draw_lengths_of_import(prepared: Prepared) -> None:
    """Lengths of the texts of what a file will become."""
    _draw(prepared.examples["text"], prepared.task, key="import")


def _draw(texts: pd.Series, task: str, *, key: str) -> None:
    if texts.empty:
        return
    sample = _few(texts.sample(min(len(texts), _MOST_READ), random_state=0))
    part = (
        f" Measured on a sample of {formats.count(len(sample))} of {formats.plural(len(texts), 'text')}."
        if len(sample) < len(texts)
        else ""
    )
    model = chosen_model()
    lengths = _token_lengths(tuple(sample), model.folder / "tokenizer.json") if model is not None and model.folder else []
    if model is None or not lengths:
        counted = sample.map(lambda text: len(text.split())).astype(int)
        st.caption(_in_words(counted, "word") + part)
        widgets.chart(text_lengths_figure(counted.tolist()), key=f"lengths-{key}", alt="Number of texts by number of words")
        return
    longer = sum(length > model.max_length for length in lengths)
    if not longer:
        fit = ", so all texts fit"
    elif get_task(task).head_level == "token":
        fit = f"; {formats.plural(longer, 'longer text is', 'longer texts are')} read in overlapping windows and not truncated"
    else:
        fit = f"; {formats.plural(longer, 'longer text is', 'longer texts are')} truncated"
    limit = f"{markdown_text(model.title)} reads at most {formats.plural(model.max_length, 'token')}{fit}."
    st.caption(f"{_in_words(pd.Series(lengths), 'token')} {limit}{part}")
    widgets.chart(
        token_lengths_figure(lengths, model.max_length, height=260),
        key=f"lengths-{key}",
        alt="Number of texts by number of tokens",
    )


def _few(sample: pd.Series) -> pd.Series:
    """The first texts of a sample, limited by their total characters so that a person need not wait; at least one."""
    few: pd.Series = sample[(sample.str.len().cumsum() <= _MOST_CHARACTERS) | (np.arange(len(sample)) == 0)]
    return few


def _in_words(lengths: pd.Series, unit: str) -> str:
    return (
        f"Median length: {formats.plural(int(lengths.median()), unit)}; 95th percentile: "
        f"{formats.count(int(lengths.quantile(0.95)))}; longest: {formats.count(int(lengths.max()))}."
    )


@st.cache_data(show_spinner="Counting tokens…", max_entries=16)
def _token_lengths(texts: tuple[str, ...], tokenizer_file: Path) -> list[int]:
    from core.datasets.checks.texts.tokens import lengths_of

    return lengths_of(texts, tokenizer_file)
