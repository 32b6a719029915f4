"""Which epoch of a run is kept and why, in words; no torch here, because pages say it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.tasks.base import LOSS

RULE = "the latest epoch not worse than the best by more than chance"


def metric_title(metric: str) -> str:
    """A score as it stands in a sentence, such as "macro F1"."""
    return metric.replace("_", " ").replace("f1", "F1")


def which_epoch(facts: Mapping[str, Any], *, so_far: bool = False) -> str:
    """Which epoch's weights are kept, by which rule, and which epoch had the highest score, with both scores.

    Args:
        facts: ``selection_metric``, ``best_epoch``, ``best_score``, ``highest_epoch`` and ``highest_score``, as in
            ``result.json``; of a loss, the highest is the lowest.
        so_far: whether training still goes on.

    Returns:
        A sentence or two; nothing where the facts of a run, of an earlier version for instance, do not tell.
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
    had = f"Epoch {highest:.0f} had" if highest else "An epoch before it had"
    return f"{is_kept} (validation {title} {score:.4f}): {RULE}. {had} the {most} ({reached:.4f})."


def no_epoch(num_epochs: int) -> str:
    """Why no epoch's weights are kept after so many of them."""
    if not num_epochs:
        return "Training ended before its first validation, so no epoch could be chosen. The weights of the last step are tested."
    return (
        "No epoch could be chosen, because the validation metric was not a finite number after any of them. The weights of the "
        "last step are tested and saved. Lower the learning rate, or choose precision float32, and run again."
    )
