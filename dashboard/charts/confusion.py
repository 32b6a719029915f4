"""The confusion matrix: a heatmap whose non-empty cells can be clicked."""

import numpy as np
import plotly.graph_objects as go

from core.evaluation.confusion_order import ConfusionView, Shares
from dashboard.charts.base import ORANGE, new_figure
from dashboard.shared.escaping import distinct_plotly_texts

_NUMBERS_UP_TO = 24
_LETTERS_ABREAST = 40
"""Total letters of all labels that fit side by side below a narrow matrix."""
_TITLES = {"counts": "Examples", "rows": "Share of the gold label", "columns": "Share of the predicted label"}


def confusion_figure(confusion: ConfusionView, *, kind: Shares = "counts", hide_right: bool = False) -> go.Figure:
    """The matrix: gold labels as rows, predicted labels as columns.

    Args:
        kind: what cells and colours show.
        hide_right: leave out the diagonal, so that the errors use the whole colour scale.

    Returns:
        Invisible markers cover the non-empty cells, since Plotly reports clicks only on points. Their ``customdata`` starts with
        the raw gold and predicted names.
    """
    size = len(confusion.rows)
    height = min(1500, 150 + max(240, size * (34 if size <= _NUMBERS_UP_TO else 13 if size > 40 else 20)))
    figure = new_figure(height=height, name=f"confusion-{size}", legend=False)
    counts = confusion.errors if hide_right else confusion.counts
    values = np.where(counts > 0, confusion.shares(kind), np.nan)
    rows, columns = distinct_plotly_texts(list(confusion.rows)), distinct_plotly_texts(list(confusion.columns))
    places = list(range(size))
    figure.add_heatmap(
        z=values,
        x=places,
        y=places,
        zmin=0,
        zmax=max(float(np.nanmax(values)), 1e-9) if counts.any() else 1.0,
        text=_cell_texts(counts, values, kind) if size <= _NUMBERS_UP_TO else None,
        texttemplate="%{text}" if size <= _NUMBERS_UP_TO else None,
        xgap=1,
        ygap=1,
        hoverinfo="skip",
        showscale=size > _NUMBERS_UP_TO,  # otherwise the numbers in the cells say the same
        colorbar={
            "title": {"text": _TITLES[kind], "side": "right"},
            "thickness": 10,
            "outlinewidth": 0,
            "lenmode": "pixels",
            "len": 240,
            "y": 1,
            "yanchor": "top",
        },
    )
    _add_clickable_cells(figure, confusion, counts, rows, columns, cell=(height - 150) / size)
    ticks = {"tickmode": "array", "tickvals": places, "showgrid": False, "zeroline": False}
    small = {"size": 10} if size > _NUMBERS_UP_TO else {"size": 12}
    figure.update_xaxes(
        range=[-0.5, size - 0.5],
        title={"text": "Predicted"},
        ticktext=columns,
        tickangle=0 if size * max(map(len, columns)) <= _LETTERS_ABREAST else -45 if size <= _NUMBERS_UP_TO else -90,
        tickfont=small,
        **ticks,
    )
    figure.update_yaxes(title={"text": "Gold"}, ticktext=rows, tickfont=small, range=[size - 0.5, -0.5], **ticks)
    figure.update_layout(dragmode="zoom")
    return figure


def _cell_texts(counts: np.ndarray, values: np.ndarray, kind: Shares) -> list[list[str]]:
    return [
        ["" if not count else (str(count) if kind == "counts" else f"{value:.0%}") for count, value in zip(*pair, strict=True)]
        for pair in zip(counts.tolist(), values.tolist(), strict=True)
    ]


def _add_clickable_cells(
    figure: go.Figure, confusion: ConfusionView, counts: np.ndarray, rows: list[str], columns: list[str], *, cell: float
) -> None:
    filled = [(int(i), int(j)) for i, j in zip(*np.nonzero(counts), strict=True)]
    of_row, of_column = confusion.shares("rows"), confusion.shares("columns")
    figure.add_scatter(
        x=[j for _, j in filled],
        y=[i for i, _ in filled],
        mode="markers",
        marker={"symbol": "square", "size": max(7, min(64, cell - 2)), "color": ORANGE, "opacity": 0.0, "line": {"width": 0}},
        selected={"marker": {"opacity": 0.55}},
        unselected={"marker": {"opacity": 0.0}},
        customdata=[
            [
                confusion.rows[i],
                confusion.columns[j],
                int(counts[i, j]),
                rows[i],
                columns[j],
                float(of_row[i, j]),
                float(of_column[i, j]),
            ]
            for i, j in filled
        ],
        hovertemplate="gold <b>%{customdata[3]}</b><br>predicted <b>%{customdata[4]}</b><br>%{customdata[2]} examples<br>"
        "%{customdata[5]:.0%} of the row, %{customdata[6]:.0%} of the column<extra></extra>",
        showlegend=False,
        name="",
    )
