"""What a person should be told while a run goes on, in plain words, and each thing once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

EPOCHS_TO_WAIT = 3
"""Validations after which a label that is still at zero is worth a word."""

SMALLEST_SUPPORT = 3
"""Validation examples below which a label's score says nothing."""

SWALLOWING_SHARE = 0.9
"""Share of all predictions from which one label counts as swallowing everything."""


class Observer:
    """Looks at one validation after the other and says what is remarkable."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._scores: list[float] = []
        self._told: set[str] = set()

    def look(self, loss: float, score: float, labels: Sequence[Mapping[str, Any]]) -> list[str]:
        """Sentences about a validation that have not been said before.

        Args:
            loss: of the validation split.
            score: by which the best checkpoint is chosen.
            labels: ``label``, ``precision``, ``recall``, ``f1`` and ``support`` of each label.
        """
        self._losses.append(loss)
        self._scores.append(score)
        found = {"zero": self._at_zero(labels), "swallow": self._swallowing(labels), "turned": self._turned()}
        sentences = [sentence for kind, sentence in found.items() if sentence and kind not in self._told]
        self._told |= {kind for kind, sentence in found.items() if sentence}
        return sentences

    def _at_zero(self, labels: Sequence[Mapping[str, Any]]) -> str:
        if len(self._scores) < EPOCHS_TO_WAIT:
            return ""
        names = [str(row["label"]) for row in labels if row["support"] >= SMALLEST_SUPPORT and row["f1"] == 0]
        if not names:
            return ""
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return (
            f"Still never predicted rightly after {len(self._scores)} epochs: {shown}. More examples help most; "
            "weights for rare labels or more epochs may."
        )

    def _swallowing(self, labels: Sequence[Mapping[str, Any]]) -> str:
        predicted = {
            str(row["label"]): row["recall"] * row["support"] / row["precision"] if row["precision"] else 0.0 for row in labels
        }
        total, support = sum(predicted.values()), sum(row["support"] for row in labels)
        for row in labels:
            name = str(row["label"])
            if total and predicted[name] / total > SWALLOWING_SHARE and row["support"] / support < SWALLOWING_SHARE - 0.2:
                return f"Nearly everything is predicted as {name}. A lower learning rate, or weights for rare labels, may help."
        return ""

    def _turned(self) -> str:
        if len(self._losses) < EPOCHS_TO_WAIT + 1:
            return ""
        best = self._scores.index(max(self._scores))
        rising = self._losses[-1] > self._losses[-2] > self._losses[-3]
        if not rising or len(self._scores) - 1 - best < 2:
            return ""
        return (
            f"Validation has turned: its loss rises and epoch {best + 1} is still the best. The model begins to learn its "
            "training texts by heart; the best weights are kept."
        )
