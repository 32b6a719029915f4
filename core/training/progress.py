"""Where a training run stands, and what a validation found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypedDict


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What a validation found.

    Attributes:
        loss: mean over the split.
        scores: the task's flat scores.
        labels: ``label``, ``precision``, ``recall``, ``f1`` and ``support`` of each label.
    """

    loss: float
    scores: dict[str, float]
    labels: list[dict[str, Any]]


class Kept(TypedDict):
    """A validation whose weights are kept: after which step and epoch, and its score.

    Where it took the place of one that was no different, the score is the higher of the two, so that ties cannot add up to
    a descent.
    """

    score: float
    step: int
    epoch: int


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

    @property
    def best_step(self) -> int:
        """The step whose weights were best on validation; 0 before the first validation."""
        return self.kept[0]["step"] if self.kept else 0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were best on validation; 0 before the first validation."""
        return self.kept[0]["epoch"] if self.kept else 0
