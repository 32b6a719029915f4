"""Training curves of a run, from the lines of its ``metrics.jsonl``.

These are Vega-Lite specifications, not Plotly figures: Streamlit redraws a Plotly figure whenever its data change, which resets
the zoom every second. A Vega-Lite chart with an unchanged specification is updated in place. So the specification depends only
on what is drawn, never on the values.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from dashboard.charts.base import GREY, ORANGE, SERIES, TEAL

Rows = Sequence[Mapping[str, Any]]

_MOST_POINTS = 1200
_HEIGHT = 300
_RAW, _SMOOTH, _VALIDATION, _RESUMED = "Training", "Training, smoothed", "Validation", "Resumed"
ZOOM_NAME = "zoom"
_ZOOM = {
    "name": ZOOM_NAME,
    "bind": "scales",
    "select": {"type": "interval", "zoom": "wheel![event.shiftKey]", "clear": "dblclick"},
}
"""Shift + mouse wheel zooms, dragging pans, a double-click resets; the wheel alone scrolls the page."""
_SMALL_TICK = "datum.value === 0 ? '0' : format(datum.value, abs(datum.value) < 0.01 ? '.2~e' : '.3~g')"
"""Tick labels of a learning rate: 0, 2e-4, 0.5."""


class LineCurve(NamedTuple):
    """What ``st.vega_lite_chart`` takes: the points, and how to draw them."""

    points: pd.DataFrame
    spec: dict[str, Any]


def loss_curve(rows: Rows, resumed_at: Sequence[int] = ()) -> LineCurve:
    """Training loss, as measured (faint) and smoothed, and validation loss.

    Args:
        resumed_at: steps at which the run was resumed; a dashed vertical line marks each.
    """
    steps, losses = series(rows, "train/loss")
    shown = thinned(len(steps))
    smooth = smoothed(losses)
    points = [(_RAW, steps[i], losses[i]) for i in shown]
    points += [(_SMOOTH, steps[i], smooth[i]) for i in shown]
    points += [(_VALIDATION, step, value) for step, value in zip(*series(rows, "validation/loss"), strict=True)]
    points += [(_RESUMED, step, math.nan) for step in resumed_at]
    colour = _colours({_SMOOTH: TEAL, _VALIDATION: ORANGE})
    layers = [
        {
            "transform": [_only(_RESUMED)],
            "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.6, "color": GREY, "clip": True},
            "encoding": {"y": None},  # from top to bottom
        },
        {
            "transform": [_only(_RESUMED)],
            "mark": {"type": "text", "text": "resumed", "align": "left", "dx": 4, "fontSize": 10, "color": GREY, "clip": True},
            "encoding": {"y": {"value": 6}},
        },
        {"transform": [_only(_RAW)], "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.35, "color": TEAL, "clip": True}},
        {"transform": [_only(_SMOOTH)], **_line(colour)},
        {"transform": [_only(_VALIDATION)], **_line(colour, with_points=True)},
    ]
    return LineCurve(_table(points), _spec(layers, y_title="Loss", format_=".4f"))


def score_curve(rows: Rows, metrics: Mapping[str, str]) -> LineCurve:
    """Validation scores of a task.

    Args:
        metrics: key such as ``macro_f1`` -> title, in the order of the legend.
    """
    points = [
        (title, step, value)
        for key, title in metrics.items()
        for step, value in zip(*series(rows, f"validation/{key}"), strict=True)
    ]
    colour = _colours(dict(zip(metrics.values(), SERIES, strict=False)))
    return LineCurve(_table(points), _spec([_line(colour, with_points=True)], y_title="Score", format_=".4f", domain=[0, 1]))


def single_curve(rows: Rows, key: str, *, y_title: str, format_: str) -> LineCurve:
    """One training metric over the steps, such as the gradient norm.

    Args:
        format_: d3 format of the values.
    """
    steps, values = series(rows, key)
    points = [(y_title, steps[i], values[i]) for i in thinned(len(steps))]
    layer = {"mark": {"type": "line", "strokeWidth": 2, "color": TEAL, "clip": True}}
    return LineCurve(_table(points), _spec([layer], y_title=y_title, format_=format_))


def learning_rate_curve(rows: Rows) -> LineCurve:
    """The learning rate over the steps, and that of the head if it differs."""
    names = {"train/learning_rate": "Pretrained layers", "train/head_learning_rate": "Head"}
    of_key = {key: series(rows, key) for key in names}
    layers: list[dict[str, Any]] = [{"mark": {"type": "line", "strokeWidth": 2.25, "color": TEAL, "clip": True}}]
    if of_key["train/head_learning_rate"][1] in ([], of_key["train/learning_rate"][1]):
        names = {"train/learning_rate": "Learning rate"}
    else:
        layers = [_line(_colours(dict(zip(names.values(), (TEAL, ORANGE), strict=True))))]
    points = [
        (name, steps[i], values[i]) for key, name in names.items() for steps, values in [of_key[key]] for i in thinned(len(steps))
    ]
    return LineCurve(_table(points), _spec(layers, y_title="Learning rate", format_=".2e"))


def series(rows: Rows, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one key; lines without it are skipped."""
    points = [(int(row["step"]), float(row[key])) for row in rows if row.get(key) is not None and "step" in row]
    return [step for step, _ in points], [value for _, value in points]


def smoothed(values: Sequence[float], weight: float = 0.85) -> list[float]:
    """Exponential moving average with bias correction at the start."""
    average, total, smooth = 0.0, 0.0, []
    for value in values:
        average = weight * average + (1 - weight) * value
        total = weight * total + (1 - weight)
        smooth.append(average / total)
    return smooth


def thinned(num_points: int, most: int = _MOST_POINTS) -> list[int]:
    """Positions to draw of a long curve: evenly spaced, always including the last one."""
    if num_points <= most:
        return list(range(num_points))
    stride = -(-num_points // most)
    positions = list(range(0, num_points, stride))
    return positions if positions[-1] == num_points - 1 else [*positions, num_points - 1]


def _table(points: list[tuple[str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(points, columns=["series", "step", "value"]).astype({"step": "int64", "value": "float64"})


def _only(name: str) -> dict[str, Any]:
    return {"filter": {"field": "series", "equal": name}}


def _colours(of_series: Mapping[str, str]) -> dict[str, Any]:
    return {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": list(of_series), "range": list(of_series.values())},
        "legend": {"orient": "top", "title": None, "symbolType": "stroke"},
    }


def _line(colour: Mapping[str, Any], *, with_points: bool = False) -> dict[str, Any]:
    mark: dict[str, Any] = {"type": "line", "strokeWidth": 2.25, "clip": True}
    if with_points:
        mark["point"] = {"size": 45}
    return {"mark": mark, "encoding": {"color": colour}}


def _spec(layers: list[dict[str, Any]], *, y_title: str, format_: str, domain: list[float] | None = None) -> dict[str, Any]:
    """Layers over the same axes, with a tooltip of step and value under the pointer."""
    y: dict[str, Any] = {"field": "value", "type": "quantitative", "title": y_title}
    tick: dict[str, Any] = {"format": ".6~g" if domain is None else ".1f"}
    if format_.endswith("e"):
        tick = {"labelExpr": _SMALL_TICK}
    y["axis"] = {**tick, "tickCount": 5}
    y["scale"] = {"zero": True, "nice": True} if domain is None else {"domain": domain}
    touch = {
        "params": [_ZOOM],
        "mark": {"type": "point", "size": 90, "opacity": 0, "clip": True},
        "encoding": {
            "tooltip": [
                {"field": "series", "type": "nominal", "title": "Curve"},
                {"field": "step", "type": "quantitative", "title": "Step", "format": ",d"},
                {"field": "value", "type": "quantitative", "title": "Value", "format": format_},
            ]
        },
    }
    return {
        "height": _HEIGHT,
        "encoding": {
            "x": {
                "field": "step",
                "type": "quantitative",
                "title": "Step",
                "scale": {"zero": True, "nice": False, "padding": 8},
                "axis": {"grid": False, "tickCount": 6, "tickMinStep": 1, "format": ",d"},
            },
            "y": y,
        },
        "layer": [*layers, touch],
    }
