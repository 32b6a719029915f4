"""Alerts during a run, such as overfitting; each is raised once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.training.tracking.kept_epoch import RULE
from core.training.tracking.progress import Kept, SelectionRule, TrainingProgress, Validation

EPOCHS_TO_WAIT = 3
"""Epochs after which a label with an F1 of 0 is reported, in short runs."""

SHARE_TO_WAIT = 0.2
"""The same as a share of all epochs, in long runs: rare labels are learned last, and warm-up comes first."""

SMALLEST_SUPPORT = 3
"""Fewest validation examples for which a label's score is meaningful."""

SWALLOWING_SHARE = 0.9
"""Share of all predictions from which a label counts as dominant."""

PREDICTED_WORTH_A_WORD = 0.5
"""Ratio of predicted to true labels below which too little is predicted to call a label dominant; multi-label only."""

RISE_WORTH_A_WORD = 1.1
"""Ratio of the validation loss to its minimum from which a rise is reported while the score holds; less is noise."""


@dataclass
class TrainingAlerts:
    """Checks one validation after the other and returns alerts.

    Attributes:
        losses: of the validations so far.
        never_right: labels with enough examples that were never predicted correctly so far.
        swallower, swallowed_before: the dominant label of the last validation and of the one before.
        told: kinds of alerts raised already.
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
        """Alerts about a validation that have not been raised before, as sentences.

        Args:
            loss: of the validation split.
            labels: ``label``, ``f1``, ``support`` and ``predicted`` (number of predictions) of each label.
            best_epoch: the epoch with the best weights so far.
            epochs_without_gain: epochs since the score last improved.
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
            "swallow": self._dominated(),
            "turned": self._overfitting(best_epoch),
            "surer": self._overconfident(best_epoch, epochs_without_gain),  # checkpoints hold these keys
        }
        said = {kind: sentence for kind, sentence in found.items() if sentence and kind not in self.told}
        self.told.extend(said)
        return list(said.values())

    def _not_a_number(self) -> str:
        if math.isfinite(self.losses[-1]):
            return ""
        return (
            f"The validation loss after epoch {len(self.losses)} is not a finite number. Such an epoch is never selected by its "
            "loss. If this persists, lower the learning rate or choose precision float32."
        )

    def _at_zero(self, epochs_to_wait: int) -> str:
        names = self.never_right
        if len(self.losses) < epochs_to_wait or not names:
            return ""
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return (
            f"Never predicted correctly in {len(self.losses)} epochs: {shown}. More examples help most; "
            "class weights or more epochs may help."
        )

    def _dominated(self) -> str:
        if self.swallower is None or self.swallowed_before != self.swallower:
            return ""
        return (
            f"After epoch {len(self.losses)} nearly everything is predicted as {self.swallower}. A lower learning rate or "
            "class weights may help."
        )

    def _overfitting(self, best_epoch: int) -> str:
        if not best_epoch or not self._is_rising() or len(self.losses) - best_epoch < 2:
            return ""
        return (
            f"Overfitting: the validation loss has risen for 2 epochs, up to epoch {len(self.losses)}, and epoch {best_epoch} is "
            "still the best. The best weights are kept."
        )

    def _overconfident(self, best_epoch: int, epochs_without_gain: int) -> str:
        held = len(self.losses) - best_epoch < 2 <= epochs_without_gain
        if not held or not self._is_rising() or self.losses[-1] < RISE_WORTH_A_WORD * min(self.losses):
            return ""
        return (
            "Overconfident: the validation loss rises while the score no longer improves. Fewer epochs would be enough. The "
            f"weights that are kept are those of {RULE}."
        )

    def _is_rising(self) -> bool:
        """Whether the loss has risen twice in a row, and not at the very start."""
        return len(self.losses) > EPOCHS_TO_WAIT and self.losses[-1] > self.losses[-2] > self.losses[-3]


def _dominant_label(labels: Sequence[Mapping[str, Any]]) -> str | None:
    """The label that nearly everything is predicted as although it is much rarer, or ``None``.

    If hardly anything is predicted at all, no label counts as dominant.
    """
    predicted, support = sum(row["predicted"] for row in labels), sum(row["support"] for row in labels)
    if not support or predicted < PREDICTED_WORTH_A_WORD * support:
        return None
    for row in labels:
        if row["predicted"] / predicted > SWALLOWING_SHARE and row["support"] / support < SWALLOWING_SHARE - 0.2:
            return str(row["label"])
    return None


def new_alerts(validation: Validation, progress: TrainingProgress, *, epochs: int) -> list[str]:
    """Alerts about the validation after the epoch just completed that this run has not raised before, resumed or not."""
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
    too_little = "by more than one example makes" if rule.tie else "at all"
    if rule.minimum_gain > rule.tie:
        too_little = f"by the minimum improvement of {rule.minimum_gain:g}"
    is_highest = progress.highest is not None and progress.highest["epoch"] == progress.best_epoch
    kept = f" Epoch {progress.best_epoch} is {'the best' if is_highest else RULE}." if progress.kept else ""
    return f"Early stopping: validation has not improved {too_little} for {progress.epochs_without_gain} epochs.{kept}"


def averaged(best: Sequence[Kept], score: float, *, is_kept: bool) -> str:
    """Whether the average of the best epochs' weights is kept, given its score; a loss is passed as negative."""
    epochs = ", ".join(str(epoch) for epoch in sorted(entry["epoch"] for entry in best))
    return (
        f"The average of the weights of epochs {epochs} reaches {abs(score):.4f} on validation, the best epoch alone "
        f"{abs(best[0]['score']):.4f}: {'the average' if is_kept else 'the best epoch'} is kept."
    )


def not_finite(what: str, records: Sequence[int], progress: TrainingProgress, *, is_kept: bool, is_precise: bool) -> str:
    """Why training cannot continue, at which batch, and which weights are saved.

    Args:
        what: loss or gradient.
        records: record numbers of the batch in their file.
        progress: up to the step before.
        is_kept: whether that step's weights are finite and in a checkpoint.
        is_precise: whether the run trains in float32 already.
    """
    shown = ", ".join(map(str, records[:5])) + (" …" if len(records) > 5 else "")
    best = f" and the best weights, of epoch {progress.best_epoch}," if progress.kept else ""
    left = f" The weights of the step before{best} are saved. Evaluate the best checkpoint to test them." if is_kept else ""
    otherwise = "" if is_precise else ", or choose precision float32,"
    return (
        f"The training {what} is not a finite number at step {progress.step + 1}, on records {shown} of the data. Lower "
        f"the learning rate{otherwise} and run again.{left}"
    )
