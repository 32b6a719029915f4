"""Where a training run stands, and what a validation found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypedDict

from core.tasks.base import LOSS


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What a validation found.

    Attributes:
        loss: mean over the split.
        scores: the task's flat scores.
        labels: ``label``, ``precision``, ``recall``, ``f1``, ``support`` and ``predicted`` (how often it was) of each label.
    """

    loss: float
    scores: dict[str, float]
    labels: list[dict[str, Any]]

    def score(self, metric: str) -> float:
        """A score by its name, or minus the loss: higher is better."""
        return -self.loss if metric == LOSS else self.scores[metric]


class Kept(TypedDict):
    """A validation whose weights are kept: after which step and epoch, and its score.

    ``reached`` is the highest score among those it took the place of because they were no different, so that ties cannot add up
    to a descent.
    """

    score: float
    reached: float
    step: int
    epoch: int


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What counts as better: the one rule for the weights that are kept, early stopping, the plateau and what a person is told.

    Attributes:
        tie: scores no further apart than this are no different.
        num_examples: validation examples; 0 where chance is not to be allowed for.
        minimum_gain: what a score must gain at least for training to count as getting on.
        num_kept: how many of the best validations' weights are kept.
    """

    tie: float = 0.0
    num_examples: int = 0
    minimum_gain: float = 0.0
    num_kept: int = 1

    def is_better(self, score: float, than: float) -> bool:
        """Whether a score is more than a tie above another."""
        return score - than > self.tie + ROUNDING

    def is_clearly_better(self, score: float, than: float) -> bool:
        """Whether it is above another by more than chance: by more than its own standard error.

        Of the others the later weights are kept, which have settled more. To take the highest score of many that are no different
        would be to choose by chance, and for less settled weights.
        Source: L. Breiman et al., Classification and regression trees, 1984, section 3.4.3.
        """
        error = math.sqrt(score * (1 - score) / self.num_examples) if self.num_examples and 0 < score < 1 else 0.0
        return self.is_better(score, than) and score - than > error

    def is_gain(self, score: float, than: float) -> bool:
        """Whether it is also the smallest gain above it."""
        return self.is_better(score, than) and score - than >= self.minimum_gain - ROUNDING


ROUNDING = 1e-9
"""Differences of scores below this come from how numbers are stored: 0.94 - 0.93 is more than 0.01, 0.58 - 0.57 is not."""


@dataclass
class Progress:
    """Where training stands; all of it is kept in a checkpoint.

    Attributes:
        step: optimizer steps done.
        epoch: full epochs done.
        batch: batches done of the epoch under way.
        epoch_loss, epoch_units: summed training loss of the epoch under way, and over how many units.
        kept: validations whose weights are kept, best first.
        score_to_beat, epochs_without_gain: the last score that counted as a gain, and validations since then.
        time_s: seconds spent in the loop, earlier attempts included.
        num_inputs: inputs learned from.
        observed: what the observer of the run has seen and said.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    epoch_loss: float = 0.0
    epoch_units: int = 0
    kept: list[Kept] = field(default_factory=list)
    score_to_beat: float | None = None
    epochs_without_gain: int = 0
    time_s: float = 0.0
    num_inputs: int = 0
    observed: dict[str, Any] = field(default_factory=dict)

    def take_in(self, score: float, rule: Rule) -> int | None:
        """Take in the score of the validation after the epoch just done.

        Returns:
            Its place among those whose weights are kept, 0 for the best; nothing if it is not one of them.
        """
        if self.score_to_beat is None or rule.is_gain(score, self.score_to_beat):
            self.score_to_beat, self.epochs_without_gain = score, 0
        else:
            self.epochs_without_gain += 1
        # Behind those that are better; before those that are no different.
        place = sum(rule.is_clearly_better(entry["reached"], score) for entry in self.kept)
        if place >= rule.num_kept:
            return None
        reached = max([score, *(entry["reached"] for entry in self.kept[place:])])
        self.kept.insert(place, {"score": score, "reached": reached, "step": self.step, "epoch": self.epoch})
        del self.kept[rule.num_kept :]
        return place

    @property
    def best_step(self) -> int:
        """The step whose weights were best on validation; 0 before the first validation."""
        return self.kept[0]["step"] if self.kept else 0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were best on validation; 0 before the first validation."""
        return self.kept[0]["epoch"] if self.kept else 0

    @property
    def best_is_a_tie(self) -> bool:
        """Whether the best epoch was no gain but no worse than those before, so that the latest of equals counts."""
        return self.best_epoch > self.epoch - self.epochs_without_gain
