"""The interface of a task's screens, and the values passed between the pages and the screens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class SplitView:
    """One split of a complete run, ready to draw.

    Attributes:
        key: unique for each run and split; part of every widget's key.
        split: test or validation.
        scores: the split's part of ``result.json``.
        rows: ``id``, ``record``, ``text``, targets, ``gold``, ``predicted`` and ``probabilities`` of each example.
    """

    key: str
    split: str
    scores: Mapping[str, Any]
    rows: pd.DataFrame


@dataclass(frozen=True)
class Focus:
    """What was clicked: a cell of a confusion matrix (both names) or a label (``label`` alone)."""

    gold: str = ""
    predicted: str = ""
    label: str = ""


class TaskScreens(Protocol):
    """How the pages show one task. Each task module of this package has these functions."""

    def preview(self, examples: pd.DataFrame) -> pd.DataFrame:
        """Examples for display: record number, text and labels."""

    def draw_scores(self, view: SplitView) -> None:
        """Everything that the Results page shows of one split."""

    def label_table(self, scores: Mapping[str, Any]) -> pd.DataFrame:
        """The table of scores by label of a split, for display and download."""

    def kept_predictions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A split's predictions as a flat table to download."""

    def draw_predictions(self, texts: Sequence[str], predictions: Sequence[Mapping[str, Any]], key: str) -> None:
        """Predictions for new texts, as the Predict page shows them."""

    def new_predictions(self, texts: Sequence[str], predictions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Predictions for new texts as a flat table to download."""
