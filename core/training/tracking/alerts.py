"""What a person should be told while a run goes on, in plain words, and each thing once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.training.tracking.kept_epoch import RULE
from core.training.tracking.progress import Kept, SelectionRule, TrainingProgress, Validation

EPOCHS_TO_WAIT = 3
"""Validations after which a label that is still at zero is worth a word, in a run of few epochs."""

SHARE_TO_WAIT = 0.2
"""The same as a share of all epochs, in a run of many: rare labels come last, and the learning rate only rises at first."""

SMALLEST_SUPPORT = 3
"""Validation examples below which a label's score says nothing."""

SWALLOWING_SHARE = 0.9
"""Share of all predictions from which one label counts as swallowing everything."""

PREDICTED_WORTH_A_WORD = 0.5
"""Labels predicted for each label there is below which hardly anything is predicted; only where a text may have none."""

RISE_WORTH_A_WORD = 1.1
"""Validation loss against its lowest from which a rise is worth a word where the score holds; less is chance."""


@dataclass
class TrainingAlerts:
    """Looks at one validation after the other and says what is remarkable.

    Attributes:
        losses: of the validations so far.
        never_right: labels with examples enough that no validation so far has found.
        swallower, swallowed_before: the label that nearly everything was predicted as, in the last validation and the one before.
        told: kinds of sentences said already.
    """

    losses: list[float] = field(default_factory=list)
    never_right: list[str] | None = None
    swallower: str | None = None
    swallowed_before: str | None = None
    told: list[str] = field(default_factory=list)

    def look(
        self,
        loss: float,
        labels: Sequence[Mapping[str, Any]],
        *,
        best_epoch: int,
        epochs_without_gain: int,
        epochs: int,
    ) -> list[str]:
        """Sentences about a validation that have not been said before.

        Args:
            loss: of the validation split.
            labels: ``label``, ``f1``, ``support`` and ``predicted``, how often it was, of each label.
            best_epoch: the one whose weights are the best so far.
            epochs_without_gain: validations since the score last counted as a gain.
            epochs: of the whole run.
        """
        self.losses.append(loss)
        at_zero = [str(row["label"]) for row in labels if row["support"] >= SMALLEST_SUPPORT and row["f1"] == 0]
        before = self.never_right
        self.never_right = at_zero if before is None else [name for name in before if name in set(at_zero)]
        self.swallowed_before, self.swallower = self.swallower, _dominant_label(labels)
        found = {
            "number": self._not_a_number(),
            "zero": self._at_zero(max(EPOCHS_TO_WAIT, round(SHARE_TO_WAIT * epochs))),
            "swallow": self._swallowing(),
            "turned": self._turned(best_epoch),
            "surer": self._surer(best_epoch, epochs_without_gain),
        }
        said = {kind: sentence for kind, sentence in found.items() if sentence and kind not in self.told}
        self.told.extend(said)
        return list(said.values())

    def _not_a_number(self) -> str:
        if math.isfinite(self.losses[-1]):
            return ""
        return (
            f"The validation loss after epoch {len(self.losses)} is not a finite number. Such an epoch is never chosen by its "
            "loss. If it stays so, lower the learning rate or choose precision float32."
        )

    def _at_zero(self, epochs_to_wait: int) -> str:
        names = self.never_right
        if len(self.losses) < epochs_to_wait or not names:
            return ""
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return (
            f"Still never predicted rightly after {len(self.losses)} epochs: {shown}. More examples help most; "
            "weights for rare labels or more epochs may."
        )

    def _swallowing(self) -> str:
        if self.swallower is None or self.swallowed_before != self.swallower:
            return ""
        return (
            f"After epoch {len(self.losses)} nearly everything is predicted as {self.swallower}. A lower learning rate, or "
            "weights for rare labels, may help."
        )

    def _turned(self, best_epoch: int) -> str:
        if not best_epoch or not self._is_rising() or len(self.losses) - best_epoch < 2:
            return ""
        return (
            f"Validation has turned: after epoch {len(self.losses)} its loss rises and epoch {best_epoch} is still the best. The "
            "model begins to learn its training texts by heart; the best weights are kept."
        )

    def _surer(self, best_epoch: int, epochs_without_gain: int) -> str:
        held = len(self.losses) - best_epoch < 2 <= epochs_without_gain
        if not held or not self._is_rising() or self.losses[-1] < RISE_WORTH_A_WORD * min(self.losses):
            return ""
        return (
            "The validation loss rises while the score stays where it is: the model grows surer of its mistakes, not better. "
            f"Fewer epochs would do as well. Kept is {RULE}."
        )

    def _is_rising(self) -> bool:
        """Whether the loss has risen twice in a row, and not at the very start."""
        return len(self.losses) > EPOCHS_TO_WAIT and self.losses[-1] > self.losses[-2] > self.losses[-3]


def _dominant_label(labels: Sequence[Mapping[str, Any]]) -> str | None:
    """The label that nearly everything is predicted as while it is far from being everything, if there is one.

    Where hardly anything is predicted at all, no label swallows the rest.
    """
    predicted, support = sum(row["predicted"] for row in labels), sum(row["support"] for row in labels)
    if not support or predicted < PREDICTED_WORTH_A_WORD * support:
        return None
    for row in labels:
        if row["predicted"] / predicted > SWALLOWING_SHARE and row["support"] / support < SWALLOWING_SHARE - 0.2:
            return str(row["label"])
    return None


def new_alerts(validation: Validation, progress: TrainingProgress, *, epochs: int) -> list[str]:
    """Sentences about the validation after the epoch just done that this run has not told before, resumed or not."""
    observer = TrainingAlerts(**progress.observed)
    sentences = observer.look(
        validation.loss,
        validation.labels,
        best_epoch=progress.best_epoch,
        epochs_without_gain=progress.epochs_without_gain,
        epochs=epochs,
    )
    progress.observed = asdict(observer)
    return sentences


def stopped_early(progress: TrainingProgress, rule: SelectionRule) -> str:
    """Why training ended before its last epoch."""
    too_little = "no more than one example makes" if rule.tie else "nothing"
    if rule.minimum_gain > rule.tie:
        too_little = f"less than the smallest gain of {rule.minimum_gain:g}"
    is_highest = progress.highest is not None and progress.highest["epoch"] == progress.best_epoch
    kept = f" Epoch {progress.best_epoch} is {'the best' if is_highest else RULE}." if progress.kept else ""
    return f"Stopped early: in {progress.epochs_without_gain} epochs validation has gained {too_little}.{kept}"


def averaged(best: Sequence[Kept], score: float, *, is_kept: bool) -> str:
    """What became of the average of the best epochs' weights, which reached a score; a loss is negative."""
    epochs = ", ".join(str(epoch) for epoch in sorted(entry["epoch"] for entry in best))
    return (
        f"The average of the weights of epochs {epochs} reaches {abs(score):.4f} on validation, the best of them alone "
        f"{abs(best[0]['score']):.4f}: {'the average' if is_kept else 'the best alone'} is kept."
    )


def not_finite(what: str, records: Sequence[int], progress: TrainingProgress, *, is_kept: bool, is_precise: bool) -> str:
    """Why training cannot go on, which batch it was, and what is left.

    Args:
        what: loss or gradient.
        records: numbers of the batch's records in their file.
        progress: up to the step before.
        is_kept: whether that step's weights are finite and in a checkpoint.
        is_precise: whether the run computes in float32 already.
    """
    shown = ", ".join(map(str, records[:5])) + (" …" if len(records) > 5 else "")
    best = f", and the best ones, of epoch {progress.best_epoch}," if progress.kept else ""
    left = f" The weights of the step before{best} are kept: finish the run to test them." if is_kept else ""
    otherwise = "" if is_precise else ", or choose precision float32,"
    return (
        f"The training {what} stopped being a finite number at step {progress.step + 1}, on records {shown} of the data. Lower "
        f"the learning rate{otherwise} and run again.{left}"
    )
