"""What all figures share: colours, margins, and the settings that keep the zoom of a live figure."""

from typing import Any

import plotly.graph_objects as go

TEAL = "#1C8C8C"
ORANGE = "#DD7A2E"
VIOLET = "#7B6FC4"
ROSE = "#C2528B"
GREEN = "#5E9C3F"
GREY = "#8C8F94"
SERIES = (TEAL, ORANGE, VIOLET, ROSE, GREEN, GREY)
SPLIT_COLOURS = {"train": TEAL, "validation": ORANGE, "test": VIOLET}
FAINT = "rgba(140, 143, 148, 0.35)"

TOOLBAR: dict[str, Any] = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "hoverClosestCartesian", "hoverCompareCartesian"],
}
"""Plotly's toolbar for every chart: zoom, pan, reset and image download; no logo, no link."""


def new_figure(*, height: int, name: str, x_title: str = "", y_title: str = "", legend: bool = True) -> go.Figure:
    """An empty figure.

    Args:
        height: pixels.
        name: the same for a chart whatever its data; a redrawn figure with the same name keeps its zoom and hidden series.
    """
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34 if legend else 10, "b": 8},
        uirevision=name,
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom", "title": {"text": ""}},
        hoverlabel={"align": "left"},
        xaxis={"title": {"text": x_title}, "automargin": True},
        yaxis={"title": {"text": y_title}, "automargin": True},
    )
    return figure


def height_of_rows(num_rows: int, *, row: int = 22, frame: int = 80, smallest: int = 180, largest: int = 4000) -> int:
    """Pixels for a chart with one line of text for each row."""
    return max(smallest, min(largest, frame + row * num_rows))
