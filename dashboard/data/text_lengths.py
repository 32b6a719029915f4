"""How long texts are: in the tokens of the chosen model, with its limit; in words where no tokenizer is here."""

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
        f" Of {formats.plural(len(texts), 'text')}, {formats.count(len(sample))} were looked at."
        if len(sample) < len(texts)
        else ""
    )
    model = chosen_model()
    lengths = _token_lengths(tuple(sample), model.folder / "tokenizer.json") if model is not None and model.folder else []
    if model is None or not lengths:
        counted = sample.map(lambda text: len(text.split())).astype(int)
        st.caption(_in_words(counted, "word") + part)
        widgets.chart(text_lengths_figure(counted.tolist()), key=f"lengths-{key}", alt="How many texts have how many words")
        return
    longer = sum(length > model.max_length for length in lengths)
    if not longer:
        fit = ", so all of them fit"
    elif get_task(task).head_level == "token":
        fit = f": {formats.plural(longer, 'longer text is', 'longer texts are')} read in overlapping windows and lose nothing"
    else:
        fit = f": {formats.plural(longer, 'text loses its', 'texts lose their')} end"
    limit = f"{markdown_text(model.title)} reads {formats.count(model.max_length)}{fit}."
    st.caption(f"{_in_words(pd.Series(lengths), 'token')} {limit}{part}")
    widgets.chart(
        token_lengths_figure(lengths, model.max_length, height=260),
        key=f"lengths-{key}",
        alt="How many texts have how many tokens",
    )


def _few(sample: pd.Series) -> pd.Series:
    """As many texts of a sample as have no more characters than can be looked at while a person waits; one at least."""
    few: pd.Series = sample[(sample.str.len().cumsum() <= _MOST_CHARACTERS) | (np.arange(len(sample)) == 0)]
    return few


def _in_words(lengths: pd.Series, unit: str) -> str:
    return (
        f"Half of the texts have at most {formats.plural(int(lengths.median()), unit)}, 95 % at most "
        f"{formats.count(int(lengths.quantile(0.95)))}; the longest has {formats.count(int(lengths.max()))}."
    )


@st.cache_data(show_spinner="Counting tokens…", max_entries=16)
def _token_lengths(texts: tuple[str, ...], tokenizer_file: Path) -> list[int]:
    from core.datasets.checks.texts.tokens import lengths_of

    return lengths_of(texts, tokenizer_file)
