"""Progress of a training run, and the results of a validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypedDict

from core.evaluation.paired import Outcomes
from core.tasks.base import LOSS


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The results of a validation.

    Attributes:
        loss: mean over the split.
        scores: the task's flat scores.
        labels: ``label``, ``precision``, ``recall``, ``f1``, ``support`` and ``predicted`` (number of predictions) of each label.
        outcomes: the outcome of each row for the selection metric; ``None`` if that is the loss.
    """

    loss: float
    scores: dict[str, float]
    labels: list[dict[str, Any]]
    outcomes: Outcomes | None = None

    def score(self, metric: str) -> float:
        """A score by name, or the negative loss: higher is better."""
        return -self.loss if metric == LOSS else self.scores[metric]


class Kept(TypedDict):
    """A validation whose weights are kept: its step, its epoch and its score.

    ``reached`` is the highest score among the earlier validations that this one replaced because the difference was within the
    margin of error; later scores are compared with it, so that ties cannot add up to a decline. ``reached_epoch`` is the epoch of
    that score; 0 if an earlier version did not record it.
    """

    score: float
    reached: float
    step: int
    epoch: int
    reached_epoch: int


class Highest(TypedDict):
    """The highest score of all validations, and its epoch; 0 if an earlier version did not record it."""

    score: float
    epoch: int


@dataclass(frozen=True, kw_only=True)
class SelectionRule:
    """What counts as better: the one rule for model selection, early stopping, reduce on plateau and messages.

    Attributes:
        tie: scores that differ by no more than this count as equal.
        num_examples: validation examples; 0 if no standard error can be computed, as for the loss.
        minimum_gain: smallest increase of the score that counts as an improvement.
        num_kept: number of best validations whose weights are kept.
    """

    tie: float = 0.0
    num_examples: int = 0
    minimum_gain: float = 0.0
    num_kept: int = 1

    def is_better(self, score: float, than: float) -> bool:
        """Whether a score is more than a tie above another."""
        return score - than > self.tie + ROUNDING

    def is_clearly_better(self, score: float, than: float, error: float | None = None) -> bool:
        """Whether a score is above another by more than the standard error of their difference (one-standard-error rule).

        Among scores within one standard error, the later weights are kept, because they have converged further. Taking the
        highest of several scores that do not differ would select by chance.
        Source: L. Breiman et al., Classification and regression trees, 1984, section 3.4.3.

        Args:
            score, than: the scores.
            error: standard error of their difference on the same rows; if it is not known, the standard error of the score as a
                proportion is used.
        """
        if error is None:
            error = math.sqrt(score * (1 - score) / self.num_examples) if self.num_examples and 0 < score < 1 else 0.0
        return self.is_better(score, than) and score - than > error

    def is_gain(self, score: float, than: float) -> bool:
        """Whether a score is better than another by at least the minimum improvement."""
        return self.is_better(score, than) and score - than >= self.minimum_gain - ROUNDING


ROUNDING = 1e-9
"""Smaller differences of scores are floating-point error: 0.94 - 0.93 is more than 0.01, 0.58 - 0.57 is not."""


@dataclass
class TrainingProgress:
    """The progress of training; all of it is saved in checkpoints.

    Attributes:
        step: optimizer steps done.
        epoch: full epochs done.
        batch: batches done of the current epoch.
        epoch_loss, epoch_units: summed training loss of the current epoch, and its number of units.
        kept: validations whose weights are kept, best first.
        highest: the highest score so far; its weights are not necessarily kept.
        score_to_beat, epochs_without_gain: the last score that counted as an improvement, and validations since then.
        time_s: seconds spent in the loop, earlier attempts included.
        num_inputs: inputs trained on.
        observed: state of the training alerts.
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
        """The progress saved in a checkpoint, also of a version that did not record which epoch had the highest score."""
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

    def update_best(
        self, score: float, rule: SelectionRule, error_to: Callable[[int], float | None] = lambda _: None
    ) -> int | None:
        """Record the score of the validation after the epoch just completed.

        Args:
            score: higher is better. A score that is not finite is neither an improvement nor kept.
            rule: what counts as better.
            error_to: returns the standard error of the difference to an epoch's score on the same rows, or ``None`` if it is not
                known; called only if needed.

        Returns:
            Its rank among the validations whose weights are kept, 0 for the best; ``None`` if it is not one of them.
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
        # After those that are clearly better, before those within the margin of error.
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
        """Whether a kept validation is above a score by more than one standard error."""
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
    """Indices of the validations whose score is finite; earlier versions could keep others."""
    return [place for place, entry in enumerate(kept) if math.isfinite(entry["score"])]
