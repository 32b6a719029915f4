"""Form widgets for the parameters of a repair."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.dataset import Dataset
from core.datasets.repairs import Parameter, Repair

BY_HAND = frozenset({"drop_rows", "correct_labels"})
"""Repairs of rows that a person or a check has selected; they are not in the list of repairs to choose."""


def draw_parameters(repair: Repair, dataset: Dataset, *, key: str) -> dict[str, Any] | None:
    """Ask for a repair's parameters.

    Returns:
        The parameters, or None while a required one is missing.
    """
    values = {parameter.name: _draw(parameter, dataset, key=f"{key}-{parameter.name}") for parameter in repair.parameters}
    missing = [
        parameter.title for parameter in repair.parameters if parameter.required and values[parameter.name] in (None, [], {}, "")
    ]
    if missing:
        st.caption(f":material/arrow_upward: Required: {', '.join(missing)}.")
        return None
    return values


def _draw(parameter: Parameter, dataset: Dataset, *, key: str) -> Any:
    labels = labels_of(dataset)
    if parameter.kind == "switch":
        return st.toggle(parameter.title, bool(parameter.default), key=key, help=parameter.help)
    if parameter.kind == "number":
        return int(
            st.number_input(
                parameter.title, parameter.minimum, 2**31 - 1, parameter.default, key=key, help=parameter.help, width=200
            )
        )
    if parameter.kind == "choice":
        return _choice(parameter, key)
    if parameter.kind == "choices":
        return st.multiselect(
            parameter.title,
            list(parameter.choices),
            parameter.default,
            format_func=lambda name: parameter.choices[name].capitalize(),
            key=key,
            help=parameter.help,
        )
    if parameter.kind == "labels":
        return st.multiselect(parameter.title, labels, key=key, help=parameter.help, placeholder="Choose labels")
    if parameter.kind == "column":
        return _column(parameter, dataset, key)
    if parameter.kind == "mapping":
        return _mapping(parameter, labels, key)
    if parameter.kind == "texts":
        lines = st.text_area(parameter.title, key=key, help=parameter.help, height=100)
        return [line.strip() for line in (lines or "").splitlines() if line.strip()]
    return st.text_input(parameter.title, str(parameter.default or ""), key=key, help=parameter.help)


def labels_of(dataset: Dataset) -> list[str]:
    """The labels of all splits, sorted by name."""
    return sorted({label for counts in dataset.label_counts.values() for label in counts} | set(dataset.labels))


def _choice(parameter: Parameter, key: str) -> str:
    chosen = st.segmented_control(
        parameter.title,
        list(parameter.choices),
        format_func=parameter.choices.__getitem__,
        default=parameter.default,
        required=True,
        key=key,
        help=parameter.help,
    )
    return str(chosen)


def _column(parameter: Parameter, dataset: Dataset, key: str) -> str | None:
    if not dataset.extra_columns:
        st.info(
            "This data set has no further columns. Only files with columns besides text and label have them.",
            icon=":material/view_column:",
        )
        return None
    return st.selectbox(
        parameter.title, dataset.extra_columns, index=None, key=key, help=parameter.help, placeholder="Choose a column"
    )


def _mapping(parameter: Parameter, labels: Sequence[str], key: str) -> dict[str, str]:
    """A table of labels with a column for new names."""
    st.caption("Enter a new name next to a label. Labels with the same name are merged.")
    edited = st.data_editor(
        pd.DataFrame({"label": list(labels), "new name": [""] * len(labels)}),
        hide_index=True,
        key=key,
        disabled=["label"],
        height=min(37 + 35 * len(labels), 320),
        column_config={
            "label": st.column_config.TextColumn("Label", help=parameter.help),
            "new name": st.column_config.TextColumn("New name", max_chars=200),
        },
    )
    entered = [(str(old), str(new).strip()) for old, new in zip(edited["label"], edited["new name"], strict=True) if new]
    return {old: new for old, new in entered if new and new != old}
