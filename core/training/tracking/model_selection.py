"""Model selection: each validation is compared with the best one before it, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.evaluation.paired import Outcomes, as_plain, from_plain, standard_error
from core.tasks.base import LOSS
from core.training.tracking.progress import SelectionRule, TrainingProgress, Validation

FIGURES = ("best_epoch", "best_score", "highest_epoch", "highest_score")


@dataclass(kw_only=True)
class Selection:
    """Selection among epochs, with the outcomes that later epochs are compared with.

    Attributes:
        metric: the selection metric, or ``loss``.
        rule: what counts as better.
        outcomes: outcomes of each row, of the epochs that later ones are compared with.
    """

    metric: str
    rule: SelectionRule
    outcomes: dict[int, Outcomes] = field(default_factory=dict)

    def update_best(self, validation: Validation, progress: TrainingProgress) -> int | None:
        """Record the validation after the epoch just completed.

        Returns:
            Its rank among the validations whose weights are kept, 0 for the best; ``None`` if it is not one of them.
        """

        def error_to(epoch: int) -> float | None:
            before = self.outcomes.get(epoch)
            if before is None or validation.outcomes is None:
                return None  # a checkpoint of an earlier version has no outcomes
            return standard_error(before, validation.outcomes)

        place = progress.update_best(validation.score(self.metric), self.rule, error_to)
        if validation.outcomes is not None:
            self.outcomes[progress.epoch] = validation.outcomes
        reached = {entry["reached_epoch"] for entry in progress.kept}
        self.outcomes = {epoch: outcomes for epoch, outcomes in self.outcomes.items() if epoch in reached}
        return place

    def facts(self, progress: TrainingProgress) -> dict[str, Any]:
        """Which epoch is kept and which had the best score, for ``tracking.kept_epoch``."""
        facts: dict[str, Any] = {"selection_metric": self.metric, "best_step": progress.best_step}
        facts["best_epoch"] = progress.best_epoch
        sign = -1 if self.metric == LOSS else 1
        if progress.kept and progress.highest is not None:
            facts["best_score"] = sign * progress.kept[0]["score"]
            facts["highest_epoch"], facts["highest_score"] = progress.highest["epoch"], sign * progress.highest["score"]
        return facts

    def figures(self, progress: TrainingProgress) -> dict[str, float]:
        """The same as metrics of a validation, by their namespaced keys."""
        facts = self.facts(progress)
        return {f"selection/{name}": facts[name] for name in FIGURES if name in facts}

    def state_dict(self) -> dict[int, dict[str, Any]]:
        """State that a checkpoint needs beside the progress, so that a resumed run makes the same selection."""
        return {epoch: as_plain(outcomes) for epoch, outcomes in self.outcomes.items()}

    def load_state_dict(self, state: Mapping[int, Mapping[str, Any]]) -> None:
        """Restore what ``state_dict`` returned; empty in checkpoints of versions without it."""
        self.outcomes = {epoch: from_plain(plain) for epoch, plain in state.items()}
