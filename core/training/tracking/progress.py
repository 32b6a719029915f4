"""Where a training run stands, and what a validation found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypedDict

from core.evaluation.paired import Outcomes
from core.tasks.base import LOSS


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What a validation found.

    Attributes:
        loss: mean over the split.
        scores: the task's flat scores.
        labels: ``label``, ``precision``, ``recall``, ``f1``, ``support`` and ``predicted`` (how often it was) of each label.
        outcomes: what its rows came to for the score that chooses the epoch; ``None`` where that is the loss.
    """

    loss: float
    scores: dict[str, float]
    labels: list[dict[str, Any]]
    outcomes: Outcomes | None = None

    def score(self, metric: str) -> float:
        """A score by its name, or minus the loss: higher is better."""
        return -self.loss if metric == LOSS else self.scores[metric]


class Kept(TypedDict):
    """A validation whose weights are kept: after which step and epoch, and its score.

    ``reached`` is the highest score among those it took the place of because they were no different, so that ties cannot add up
    to a descent, and ``reached_epoch`` the epoch that had it; 0 where an earlier version did not note it.
    """

    score: float
    reached: float
    step: int
    epoch: int
    reached_epoch: int


class Highest(TypedDict):
    """The highest score of all validations, and its epoch; 0 where an earlier version did not note it."""

    score: float
    epoch: int


@dataclass(frozen=True, kw_only=True)
class SelectionRule:
    """What counts as better: the one rule for the weights that are kept, early stopping, the plateau and what a person is told.

    Attributes:
        tie: scores no further apart than this are no different.
        num_examples: validation examples; 0 where chance is not to be allowed for, which a loss has no scale for.
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

    def is_clearly_better(self, score: float, than: float, error: float | None = None) -> bool:
        """Whether it is above another by more than chance: by more than the standard error of their difference.

        Of the others the later weights are kept, which have settled more. To take the highest score of many that are no different
        would be to choose by chance, and for less settled weights.
        Source: L. Breiman et al., Classification and regression trees, 1984, section 3.4.3.

        Args:
            score, than: the scores.
            error: of their difference on the same rows; where it is not known, that of the score alone, as of a share, is taken.
        """
        if error is None:
            error = math.sqrt(score * (1 - score) / self.num_examples) if self.num_examples and 0 < score < 1 else 0.0
        return self.is_better(score, than) and score - than > error

    def is_gain(self, score: float, than: float) -> bool:
        """Whether it is also the smallest gain above it."""
        return self.is_better(score, than) and score - than >= self.minimum_gain - ROUNDING


ROUNDING = 1e-9
"""Differences of scores below this come from how numbers are stored: 0.94 - 0.93 is more than 0.01, 0.58 - 0.57 is not."""


@dataclass
class TrainingProgress:
    """Where training stands; all of it is kept in a checkpoint.

    Attributes:
        step: optimizer steps done.
        epoch: full epochs done.
        batch: batches done of the epoch under way.
        epoch_loss, epoch_units: summed training loss of the epoch under way, and over how many units.
        kept: validations whose weights are kept, best first.
        highest: the highest score so far, whose weights need not be kept.
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
    highest: Highest | None = None

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Self:
        """What a checkpoint holds, also one of a version that did not note which epoch had the highest score."""
        progress = cls(**values)
        progress.kept = [progress.kept[place] for place in comparable(progress.kept)]
        if progress.score_to_beat is not None and not math.isfinite(progress.score_to_beat):
            progress.score_to_beat = None
        for entry in progress.kept:
            entry.setdefault("reached_epoch", entry["epoch"] if entry["score"] == entry["reached"] else 0)
        if progress.highest is None and progress.kept:
            best = max(progress.kept, key=lambda entry: entry["reached"])
            progress.highest = {"score": best["reached"], "epoch": best["reached_epoch"]}
        return progress

    def take_in(self, score: float, rule: SelectionRule, error_to: Callable[[int], float | None] = lambda _: None) -> int | None:
        """Take in the score of the validation after the epoch just done.

        Args:
            score: higher is better. One that is no finite number is neither a gain nor ever kept.
            rule: what counts as better.
            error_to: gives the standard error of the difference to an epoch's score on the same rows, or nothing where that is
                not known; asked only where it matters.

        Returns:
            Its place among those whose weights are kept, 0 for the best; nothing if it is not one of them.
        """
        if not math.isfinite(score):
            self.epochs_without_gain += 1
            return None
        if self.highest is None or score >= self.highest["score"]:
            self.highest = {"score": score, "epoch": self.epoch}
        if self.score_to_beat is None or rule.is_gain(score, self.score_to_beat):
            self.score_to_beat, self.epochs_without_gain = score, 0
        else:
            self.epochs_without_gain += 1
        # Behind those that are better; before those that are no different.
        place = sum(self._is_clearly_better(entry, score, rule, error_to) for entry in self.kept)
        if place >= rule.num_kept:
            return None
        own = (score, self.epoch)
        reached, reached_epoch = max([own, *((e["reached"], e["reached_epoch"]) for e in self.kept[place:])], key=lambda r: r[0])
        self.kept.insert(
            place,
            {"score": score, "reached": reached, "step": self.step, "epoch": self.epoch, "reached_epoch": reached_epoch},
        )
        del self.kept[rule.num_kept :]
        return place

    @staticmethod
    def _is_clearly_better(entry: Kept, score: float, rule: SelectionRule, error_to: Callable[[int], float | None]) -> bool:
        """Whether what a kept validation reached is above a score by more than chance."""
        if not rule.is_better(entry["reached"], score):
            return False
        return rule.is_clearly_better(entry["reached"], score, error_to(entry["reached_epoch"]) if rule.num_examples else None)

    @property
    def best_step(self) -> int:
        """The step whose weights were best on validation; 0 before the first validation."""
        return self.kept[0]["step"] if self.kept else 0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were best on validation; 0 before the first validation."""
        return self.kept[0]["epoch"] if self.kept else 0


def comparable(kept: Sequence[Kept]) -> list[int]:
    """Places of the validations whose score is a finite number; earlier versions could keep others."""
    return [place for place, entry in enumerate(kept) if math.isfinite(entry["score"])]
