"""F1 of every label at the last validation, lowest first, and the change since the previous validation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.shared import formats

_KEY = "label_f1/"
_FEW = 12
_ROW_PX = 22
_TABLE_PX = 36 + _FEW * _ROW_PX


@dataclass(frozen=True, kw_only=True)
class LiveLabelScores:
    """Scores of one validation.

    Attributes:
        epoch: after which it was measured.
        table: ``label``, ``f1`` and ``change`` since the previous validation (NaN for the first), lowest score first.
    """

    epoch: int
    table: pd.DataFrame


def label_scores(rows: Sequence[Mapping[str, Any]]) -> LiveLabelScores | None:
    """The labels' scores at the last validation, or None before the first one."""
    measured = [row for row in rows if any(key.startswith(_KEY) for key in row)][-2:]
    if not measured:
        return None
    now, before = _scores(measured[-1]), _scores(measured[0]) if len(measured) == 2 else {}
    table = pd.DataFrame(
        [(label, f1, f1 - before.get(label, math.nan)) for label, f1 in now.items()], columns=["label", "f1", "change"]
    )
    table = table.sort_values(["f1", "label"], ignore_index=True)
    return LiveLabelScores(epoch=round(float(measured[-1].get("epoch", 0))), table=table)


def draw_label_scores(rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """The table, or when it will appear. Label names are user text; a data frame shows them literally."""
    scores = label_scores(rows)
    if scores is None:
        st.markdown("**F1 by label**")
        st.caption("First measured at the end of the first epoch.")
        return
    table = scores.table
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**F1 by label**", width="content")
        if len(table) > _FEW and _draw_switch(len(table), key) == "few":
            table = table.head(_FEW)
    st.dataframe(
        table,
        hide_index=True,
        height=min(_TABLE_PX, 38 + len(table) * _ROW_PX),
        row_height=_ROW_PX,
        key=key,
        column_config={
            "label": st.column_config.TextColumn("Label", width="medium"),
            "f1": st.column_config.ProgressColumn("F1", format="%.3f", min_value=0.0, max_value=1.0, width="small"),
            "change": st.column_config.NumberColumn(
                "Change", format="%+.3f", width="small", help="Change since the previous validation, one epoch before."
            ),
        },
        placeholder="",
        alt="F1 of each label on validation",
    )
    st.caption(f"Validation F1 after epoch {scores.epoch}, lowest first.")


def _draw_switch(num_labels: int, key: str) -> str | None:
    titles = {"few": f"{_FEW} lowest", "all": f"All {formats.count(num_labels)}"}
    return st.segmented_control(
        "Labels",
        list(titles),
        format_func=titles.__getitem__,
        default="few",
        required=True,
        key=f"{key}-shown",
        label_visibility="collapsed",
    )


def _scores(row: Mapping[str, Any]) -> dict[str, float]:
    return {key.removeprefix(_KEY): float(value) for key, value in row.items() if key.startswith(_KEY) and value is not None}
