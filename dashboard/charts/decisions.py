"""Charts of decisions: probabilities of a text's labels, precision and recall by threshold, counts of errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.base import GREY, ORANGE, TEAL, VIOLET, height_of_rows, new_figure
from dashboard.shared.escaping import distinct_plotly_texts


def probabilities_figure(
    probabilities: Mapping[str, float], chosen: Sequence[str], *, thresholds: Mapping[str, float] | None = None, most: int = 12
) -> go.Figure:
    """Bars of the most probable labels of one text; predicted ones in colour, thresholds as short vertical lines."""
    labels = sorted(probabilities, key=lambda label: -probabilities[label])[:most]
    shown = distinct_plotly_texts(labels, longest=36)
    figure = new_figure(height=height_of_rows(len(labels), row=26, frame=46, smallest=110), name="probabilities", legend=False)
    figure.add_bar(
        x=[probabilities[label] for label in labels],
        y=shown,
        orientation="h",
        marker={"color": [TEAL if label in chosen else GREY for label in labels]},
        text=[f"{probabilities[label]:.3f}" for label in labels],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}<br>%{x:.4f}<extra></extra>",
    )
    if thresholds:
        figure.add_scatter(
            x=[thresholds.get(label) for label in labels],
            y=shown,
            mode="markers",
            marker={"symbol": "line-ns", "size": 16, "line": {"color": ORANGE, "width": 3}},
            hovertemplate="%{y}<br>threshold %{x:.2f}<extra></extra>",
        )
    figure.update_layout(bargap=0.35)
    figure.update_xaxes(range=[0, 1.1], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(autorange="reversed", tickmode="array", tickvals=shown, ticktext=shown, showgrid=False)
    return figure


def threshold_figure(
    thresholds: Sequence[float], curves: Mapping[str, Sequence[float]], *, chosen: float | None = None
) -> go.Figure:
    """Precision, recall and F1 by decision threshold.

    Args:
        curves: ``precision``, ``recall`` and, if known, ``f1``, each over ``thresholds``.
        chosen: the threshold in use, drawn as a vertical line.
    """
    figure = new_figure(height=300, name="thresholds", x_title="Threshold", y_title="Score")
    for (key, title), colour in zip(
        (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1")), (TEAL, ORANGE, VIOLET), strict=True
    ):
        if key in curves:
            figure.add_scatter(
                x=list(thresholds),
                y=list(curves[key]),
                name=title,
                mode="lines",
                line={"color": colour, "width": 2.5},
                hovertemplate="threshold %{x:.2f}<br>%{y:.3f}<extra>%{fullData.name}</extra>",
            )
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": GREY, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[0, 1.02])
    return figure


def bars_figure(values: Mapping[str, float], *, name: str, x_title: str, colours: Sequence[str] | None = None) -> go.Figure:
    """A few named counts as horizontal bars, in the order given."""
    labels: list[Any] = distinct_plotly_texts(list(values), longest=40)
    figure = new_figure(
        height=height_of_rows(len(labels), row=34, frame=60, smallest=140), name=name, x_title=x_title, legend=False
    )
    figure.add_bar(
        x=list(values.values()),
        y=labels,
        orientation="h",
        marker={"color": list(colours) if colours else TEAL},
        text=[f"{value:,.0f}" for value in values.values()],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x}<extra></extra>",
    )
    figure.update_layout(bargap=0.35)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
