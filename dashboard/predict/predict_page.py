"""Texts from the user, a run's model and its predictions. The model is loaded with the first prediction."""

import io
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd
import streamlit as st

from core.errors import InputFileError, NotFoundError, UserError
from core.runs.store.records import RunRecord
from dashboard.data.importing import uploads
from dashboard.results import screens_of
from dashboard.shared import formats, state, widgets
from dashboard.shared.downloads import csv_bytes, file_stem, json_bytes

if TYPE_CHECKING:
    from core.inference import Predictor

_MOST_TEXTS = 10_000
_LOADED_MODELS = 2
_TELLING_ROWS = 1000
UNLABELLED = "Unlabelled rows"


def draw_question(run: RunRecord) -> list[str] | None:
    """Ask for texts.

    Returns:
        The texts to predict if the button was just pressed, otherwise None.
    """
    pool = _unlabelled_of(run)
    sources = ["Paste", "File", *([UNLABELLED] if pool is not None else [])]
    key = "predict-source" if pool is None else "predict-source-pool"  # a choice that is not offered must not be remembered
    source = st.segmented_control("Texts from", sources, default="Paste", required=True, label_visibility="collapsed", key=key)
    texts: list[str] = []
    found = 0
    if source == UNLABELLED and pool is not None:
        texts = pool["text"].tolist()
        st.caption(
            f"{formats.plural(len(texts), 'row')} of the imported file without a label. They were not used for training. "
            "Check the model's predictions on them, or label those with the lowest confidence."
        )
    elif source == "Paste":
        pasted = st.text_area(
            "Texts, one per line",
            height=150,
            key="predict-texts",
            placeholder="My parcel has not arrived yet.\nHow do I change my password?",
        )
        texts = [line.strip() for line in (pasted or "").splitlines() if line.strip()]
    else:
        with widgets.errors_shown():
            texts, found = _texts_of_file()
    found = max(found, len(texts))
    if found > _MOST_TEXTS:
        st.warning(
            f"Only the first {formats.count(_MOST_TEXTS)} of {formats.count(found)} texts are predicted here. "
            "Use python -m core predict for any number of texts.",
            icon=":material/warning:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Predict", type="primary", icon=":material/play_arrow:", key=f"predict-{run.id}")
        if texts:
            st.caption(formats.plural(found, "text"))
        elif pressed:
            st.caption("Enter or upload at least one text first.")
    return texts[:_MOST_TEXTS] if pressed and texts else None


def _unlabelled_of(run: RunRecord) -> pd.DataFrame | None:
    """The unlabelled rows of a run's data set, if there are any."""
    try:
        dataset = state.workspace().dataset(run.dataset_id)
    except NotFoundError:
        return None
    return dataset.unlabelled() if dataset.num_unlabelled else None


def _texts_of_file() -> tuple[list[str], int]:
    """The first texts of an uploaded table's text column, or of a plain text file with one per line; and their total number."""
    uploaded = st.file_uploader("A table with a text column, or a plain text file with one text per line", key="predict-file")
    if uploaded is None:
        return [], 0
    if uploaded.name.lower().endswith(".txt"):
        return first_lines(uploaded, _MOST_TEXTS)
    rows = uploads.read(uploads.keep(uploaded)).rows
    columns = [str(column) for column in rows.columns]
    sample = rows.head(_TELLING_ROWS).astype(object)
    mean_length = {
        column: sample[column].map(lambda cell: len(cell) if isinstance(cell, str) else 0).mean() for column in columns
    }
    likely = "text" if "text" in columns else max(columns, key=lambda column: float(mean_length[column]))
    chosen = st.selectbox("Text column", columns, index=columns.index(likely), key="predict-column", width=320)
    cells = rows[chosen].dropna()
    texts = (cell.strip() for begin in range(0, len(cells), _MOST_TEXTS) for cell in cells.iloc[begin : begin + _MOST_TEXTS])
    return _first(texts, _MOST_TEXTS)


def first_lines(file: BinaryIO, most: int) -> tuple[list[str], int]:
    """The first non-empty lines of a text file, and how many there are in total; holds no more in memory.

    Raises:
        InputFileError: the file is not UTF-8.
    """
    file.seek(0)
    lines = io.TextIOWrapper(file, encoding="utf-8-sig")
    try:
        return _first((line.strip() for line in lines), most)
    except UnicodeDecodeError:
        raise InputFileError(
            "The text file is not UTF-8. Save it as UTF-8, or upload a CSV file, whose encoding is detected."
        ) from None
    finally:
        lines.detach()  # otherwise the wrapper would close the file


def _first(texts: Iterable[str], most: int) -> tuple[list[str], int]:
    """The first non-empty texts, and how many there are in total."""
    filled = filter(None, texts)
    first = list(islice(filled, most))
    return first, len(first) + sum(1 for _ in filled)


def draw_answer(run: RunRecord, texts: Sequence[str] | None) -> None:
    """Predict if texts are given; show the last predictions of this run."""
    key = f"answer-{run.id}"
    if texts is not None:
        try:
            with st.spinner("Loading the model and predicting…", show_time=True):
                predictions = predictor_of(state.workspace().run_dir(run.id).model).predict(list(texts))
        except UserError as error:
            widgets.show_error(str(error))
            return
        st.session_state[key] = (list(texts), predictions)
        st.session_state["answers"] = st.session_state.get("answers", 0) + 1
    if key not in st.session_state:
        return
    asked, predictions = st.session_state[key]
    screens = screens_of(run.task)
    st.divider()
    screens.draw_predictions(asked, predictions, key=f"{run.id}-{st.session_state['answers']}")
    table = screens.new_predictions(asked, predictions)
    _draw_downloads(run, asked, predictions, table)


def _draw_downloads(run: RunRecord, texts: Sequence[str], predictions: Sequence[dict[str, Any]], table: pd.DataFrame) -> None:
    stem = f"{file_stem(run.name)}-predictions"
    row = st.container(horizontal=True)
    guard = widgets.guards_formulas(f"predictions-{run.id}")
    with row:
        st.download_button(
            "CSV",
            lambda: csv_bytes(table, guard=guard),
            file_name=f"{stem}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "JSON",
            lambda: json_bytes([{"text": text, **one} for text, one in zip(texts, predictions, strict=True)]),
            file_name=f"{stem}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )


@st.cache_resource(show_spinner=False, max_entries=_LOADED_MODELS)
def predictor_of(model_folder: Path) -> "Predictor":
    """The loaded model of a run, cached for all sessions."""
    from core.inference import Predictor

    return Predictor.load(model_folder)
