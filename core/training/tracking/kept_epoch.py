"""Which epoch of a run is kept and why, in words; loads no torch, because pages show it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.tasks.base import LOSS

RULE = "the latest epoch within one standard error of the best"


def metric_title(metric: str) -> str:
    """Name of a score in a sentence, such as "macro F1"."""
    return metric.replace("_", " ").replace("f1", "F1")


def which_epoch(facts: Mapping[str, Any], *, so_far: bool = False) -> str:
    """Which epoch's weights are kept, by which rule, and which epoch had the highest score, with both scores.

    Args:
        facts: ``selection_metric``, ``best_epoch``, ``best_score``, ``highest_epoch`` and ``highest_score``, as in
            ``result.json``; for the loss, the highest is the lowest.
        so_far: whether training is still running.

    Returns:
        One or two sentences; empty if facts are missing, as in runs of earlier versions.
    """
    kept, score, highest, reached = (
        value if isinstance(value := facts.get(name), int | float) else None
        for name in ("best_epoch", "best_score", "highest_epoch", "highest_score")
    )
    if not kept or score is None or highest is None or reached is None:
        return ""
    metric = str(facts.get("selection_metric", ""))
    title, most = metric_title(metric), "lowest" if metric == LOSS else "highest"
    is_kept = f"Epoch {kept:.0f} is kept{' so far' if so_far else ''}"
    if highest == kept:
        return f"{is_kept}: it has the {most} validation {title} ({score:.4f})."
    had = f"Epoch {highest:.0f} had" if highest else "An earlier epoch had"
    return f"{is_kept} (validation {title} {score:.4f}): {RULE}. {had} the {most} ({reached:.4f})."


def no_epoch(num_epochs: int) -> str:
    """Why no epoch could be selected after this many epochs."""
    if not num_epochs:
        return (
            "Training ended before its first validation, so no epoch could be selected. The weights of the last step are "
            "evaluated and saved."
        )
    return (
        "No epoch could be selected, because the validation metric was never a finite number. The weights of the last step are "
        "evaluated and saved. Lower the learning rate, or choose precision float32, and run again."
    )
