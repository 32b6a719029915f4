"""Charts by label (counts, precision and recall), and charts of text lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.training.planning.truncation import cut_at
from dashboard.charts.base import FAINT, ORANGE, SPLIT_COLOURS, TEAL, height_of_rows, new_figure
from dashboard.shared import formats
from dashboard.shared.escaping import distinct_plotly_texts

_SCALE_ON_TOP_FROM = 25
"""Number of labels from which the chart is taller than a screen."""


def label_counts_figure(counts: Mapping[str, Mapping[str, int]], *, most: int = 100) -> go.Figure:
    """Horizontal bars: examples of each label, stacked by split.

    Args:
        counts: split -> label -> number of examples.
        most: only the most frequent labels are shown.
    """
    totals: dict[str, int] = {}
    for of_split in counts.values():
        for label, number in of_split.items():
            totals[label] = totals.get(label, 0) + number
    labels = sorted(totals, key=lambda label: (-totals[label], label))[:most]
    shown = distinct_plotly_texts(labels)
    figure = new_figure(height=height_of_rows(len(labels), row=20), name="label-counts", legend=len(counts) > 1)
    for split, of_split in counts.items():
        figure.add_bar(
            y=shown,
            x=[of_split.get(label, 0) for label in labels],
            name=split.capitalize(),
            orientation="h",
            marker={"color": SPLIT_COLOURS.get(split, TEAL)},
            hovertemplate="%{y}<br>%{x} in %{fullData.name}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.3, legend={"traceorder": "normal"})
    figure.update_yaxes(autorange="reversed", tickmode="array", tickvals=shown, ticktext=shown, showgrid=False)
    figure.update_xaxes(title={"text": "Examples"})
    return figure


def text_lengths_figure(lengths: Sequence[int]) -> go.Figure:
    """Histogram of words per text."""
    figure = new_figure(height=260, name="text-lengths", x_title="Words per text", y_title="Texts", legend=False)
    figure.add_histogram(
        x=list(lengths),
        nbinsx=40,
        marker={"color": TEAL},
        hovertemplate="%{x} words<br>%{y} texts<extra></extra>",
    )
    figure.update_layout(bargap=0.05)
    return figure


def token_lengths_figure(lengths: Sequence[int], limit: int, *, height: int = 150, tells_cuts: bool = False) -> go.Figure:
    """Histogram of tokens per text with the model's limit; an arrow marks a limit far beyond the longest text.

    Args:
        tells_cuts: whether the tooltip of each bar says what a limit there would truncate.
    """
    longest = max(lengths)
    size = max(1, -(-longest // 40))
    starts = range(1, longest + 1, size)
    counts = [0] * len(starts)
    for length in lengths:
        counts[max(0, length - 1) // size] += 1
    figure = new_figure(height=height, name="token-lengths", legend=False)
    figure.add_bar(
        x=[start + (size - 1) / 2 for start in starts],
        y=counts,
        width=size * 0.92,
        marker={"color": [ORANGE if start + size - 1 > limit else TEAL for start in starts]},
        customdata=[
            [f"{start} to {start + size - 1}" if size > 1 else str(start), _cut_in_words(lengths, start + size - 1)]
            for start in starts
        ],
        hovertemplate="%{customdata[0]} tokens<br>%{y} texts"
        + ("<br>%{customdata[1]}" if tells_cuts else "")
        + "<extra></extra>",
    )
    end = max(longest, limit if limit <= 1.6 * longest else 0) + size
    if limit <= end:
        figure.add_vline(x=limit + 0.5, line={"color": ORANGE, "width": 2, "dash": "dot"})
    left = limit > 0.6 * end
    figure.update_layout(margin={"t": 24})
    figure.add_annotation(
        x=min(limit + 0.5, end),
        y=1,
        yref="paper",
        yanchor="bottom",
        text=f"limit {limit}" if limit <= end else f"limit {limit} →",
        showarrow=False,
        xanchor="right" if left else "left",
        font={"color": ORANGE},
    )
    figure.update_xaxes(range=[0, end], title={"text": "Tokens per text", "standoff": 4}, nticks=6)
    figure.update_yaxes(showticklabels=False, showgrid=False)
    return figure


def _cut_in_words(lengths: Sequence[int], limit: int) -> str:
    cut = cut_at(lengths, limit)
    if not cut.num_texts:
        return f"a limit of {limit} truncates no text"
    return (
        f"a limit of {limit} truncates {formats.plural(cut.num_texts, 'text')} ({formats.percent(cut.share_of_texts)}), "
        f"{formats.percent(cut.share_of_tokens)} of all tokens lost"
    )


def precision_recall_figure(labels: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Two dots for each label, precision and recall, joined by a line: a short line is balanced, far right is good.

    Args:
        labels: ``label``, ``precision``, ``recall``, ``f1`` and ``support`` of each, top to bottom. Dots carry the raw label.
    """
    names = [str(row["label"]) for row in labels]
    shown = distinct_plotly_texts(names)
    figure = new_figure(height=height_of_rows(len(names)), name="precision-recall")
    between: list[float | None] = [value for row in labels for value in (row["precision"], row["recall"], None)]
    figure.add_scatter(
        x=between,
        y=[name for label in shown for name in (label, label, None)],
        mode="lines",
        line={"color": FAINT, "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    for key, title, colour, symbol in (("precision", "Precision", TEAL, "circle"), ("recall", "Recall", ORANGE, "diamond-open")):
        figure.add_scatter(
            x=[row[key] for row in labels],
            y=shown,
            name=title,
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": symbol, "line": {"width": 2, "color": colour}},
            customdata=[[name, row["f1"], row["support"]] for name, row in zip(names, labels, strict=True)],
            hovertemplate=f"<b>%{{y}}</b><br>{title} %{{x:.3f}}<br>F1 %{{customdata[1]:.3f}}<br>"
            "%{customdata[2]} examples<extra></extra>",
        )
    figure.update_yaxes(range=[len(names) - 0.4, -0.6], tickmode="array", tickvals=shown, ticktext=shown)
    figure.update_xaxes(range=[-0.03, 1.04], dtick=0.2)
    if len(names) > _SCALE_ON_TOP_FROM:
        height = figure.layout.height
        figure.update_xaxes(side="top")
        figure.update_layout(margin={"t": 64}, legend={"y": 1 + 28 / (height - 72)})
    return figure
