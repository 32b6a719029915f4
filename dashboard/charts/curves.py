"""Curves of a run while it learns, from the lines of its ``metrics.jsonl``."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.base import ORANGE, SERIES, TEAL, new_figure

Rows = Sequence[Mapping[str, Any]]

_MOST_POINTS = 1200
_CURVE_HEIGHT = 300


def loss_figure(rows: Rows) -> go.Figure:
    """Training loss, as measured (faint) and smoothed, and validation loss."""
    figure = new_figure(height=_CURVE_HEIGHT, name="loss", x_title="Step", y_title="Loss")
    steps, losses = series(rows, "train/loss")
    shown = thinned(len(steps))
    smooth = smoothed(losses)
    hover = "step %{x}<br>%{y:.4f}<extra>%{fullData.name}</extra>"
    figure.add_scattergl(
        x=[steps[i] for i in shown],
        y=[losses[i] for i in shown],
        name="Training",
        mode="lines",
        line={"color": TEAL, "width": 1},
        opacity=0.3,
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_scattergl(
        x=[steps[i] for i in shown],
        y=[smooth[i] for i in shown],
        name="Training, smoothed",
        mode="lines",
        line={"color": TEAL, "width": 2.5},
        hovertemplate=hover,
    )
    _add_validation(figure, rows, "validation/loss", "Validation", ORANGE)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(rangemode="tozero")
    return figure


def score_figure(rows: Rows, metrics: Mapping[str, str]) -> go.Figure:
    """Validation scores of a task.

    Args:
        metrics: key such as ``macro_f1`` -> title, in the order of the legend.
    """
    figure = new_figure(height=_CURVE_HEIGHT, name="scores", x_title="Step", y_title="Validation score")
    for index, (key, title) in enumerate(metrics.items()):
        _add_validation(figure, rows, f"validation/{key}", title, SERIES[index % len(SERIES)])
    figure.update_yaxes(range=[0, 1.02])
    figure.update_xaxes(rangemode="tozero")
    if not any(key.startswith("validation/") for row in rows for key in row):
        centre = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
        figure.add_annotation(text="First measured at the end of an epoch", **centre)
        figure.update_xaxes(showticklabels=False)
    return figure


def learning_rate_figure(rows: Rows) -> go.Figure:
    """Learning rate of the encoder."""
    figure = new_figure(height=_CURVE_HEIGHT - 80, name="learning-rate", x_title="Step", y_title="Learning rate", legend=False)
    steps, rates = series(rows, "train/learning_rate")
    shown = thinned(len(steps))
    figure.add_scattergl(
        x=[steps[i] for i in shown],
        y=[rates[i] for i in shown],
        name="Learning rate",
        mode="lines",
        line={"color": TEAL, "width": 2},
        hovertemplate="step %{x}<br>%{y:.2e}<extra></extra>",
    )
    figure.update_yaxes(rangemode="tozero", exponentformat="power")
    figure.update_xaxes(rangemode="tozero")
    return figure


def speed_figure(rows: Rows) -> go.Figure:
    """Examples a second."""
    figure = new_figure(height=_CURVE_HEIGHT - 80, name="speed", x_title="Step", y_title="Rows a second", legend=False)
    steps, speeds = series(rows, "train/examples_per_s")
    shown = thinned(len(steps))
    figure.add_scattergl(
        x=[steps[i] for i in shown],
        y=[speeds[i] for i in shown],
        name="Rows a second",
        mode="lines",
        line={"color": TEAL, "width": 2},
        hovertemplate="step %{x}<br>%{y:.0f} rows a second<extra></extra>",
    )
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(rangemode="tozero")
    return figure


def series(rows: Rows, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one key; lines without it are passed over."""
    points = [(int(row["step"]), float(row[key])) for row in rows if row.get(key) is not None and "step" in row]
    return [step for step, _ in points], [value for _, value in points]


def smoothed(values: Sequence[float], weight: float = 0.85) -> list[float]:
    """Exponential moving average without the pull towards zero at the start."""
    average, total, smooth = 0.0, 0.0, []
    for value in values:
        average = weight * average + (1 - weight) * value
        total = weight * total + (1 - weight)
        smooth.append(average / total)
    return smooth


def thinned(num_points: int, most: int = _MOST_POINTS) -> list[int]:
    """Positions to draw of a long curve: evenly spread, the last one always among them."""
    if num_points <= most:
        return list(range(num_points))
    stride = -(-num_points // most)
    positions = list(range(0, num_points, stride))
    return positions if positions[-1] == num_points - 1 else [*positions, num_points - 1]


def _add_validation(figure: go.Figure, rows: Rows, key: str, title: str, colour: str) -> None:
    steps, values = series(rows, key)
    figure.add_scatter(
        x=steps,
        y=values,
        name=title,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 8},
        hovertemplate="step %{x}<br>%{y:.4f}<extra>%{fullData.name}</extra>",
    )
