"""The input of the checks: the examples of a saved or planned data set, with values that several checks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from core.datasets.checks.duplicates.minhash import near_duplicate_groups
from core.datasets.checks.finding import Finding, FindingExample
from core.datasets.checks.normalized_text import shown
from core.datasets.importing.import_summary import ImportSummary
from core.evaluation.entities import EntitySpan, spans_of
from core.tasks import SPLITS, Task

MOST_COMPARED = 1_000_000
"""Most rows searched for near duplicates; larger data sets are sampled at random down to this size."""


class ReadingModel(Protocol):
    """The model whose length limit and vocabulary are checked; ``core.models.hub.ModelInfo`` is one."""

    @property
    def title(self) -> str:
        """Display name."""

    @property
    def folder(self) -> Path | None:
        """Where its files are; ``None`` where it is not here yet."""

    @property
    def max_length(self) -> int:
        """Longest input in tokens."""


@dataclass(frozen=True, kw_only=True)
class CheckInput:
    """The examples and what is known about them.

    Attributes:
        task: the task of the examples.
        examples: columns ``id, split, record, text`` and the task's targets.
        account: the import summary of the file's records.
        num_mended: entities with broken tags that the import repaired.
        num_unlabelled: texts without a label, stored next to the examples.
        model: the model that lengths and vocabulary are checked against; ``None`` where none is chosen.
        is_part: whether these are a sample of the examples.
        progress: called with the completed fraction, from 0 to 1.
    """

    task: Task
    examples: pd.DataFrame
    account: ImportSummary = field(default_factory=ImportSummary)
    num_mended: int = 0
    num_unlabelled: int = 0
    model: ReadingModel | None = None
    is_part: bool = False
    progress: Callable[[float], None] = field(default=lambda _: None, repr=False)

    @cached_property
    def texts(self) -> list[str]:
        """The texts, in order."""
        texts: list[str] = self.examples["text"].tolist()
        return texts

    @cached_property
    def ids(self) -> np.ndarray:
        """Ids of the examples, int64, in order."""
        return self.examples["id"].to_numpy(dtype=np.int64)

    @cached_property
    def splits(self) -> np.ndarray:
        """Name of each example's split, dtype object."""
        return self.examples["split"].to_numpy(dtype=object)

    @cached_property
    def row_labels(self) -> list[tuple[str, ...]]:
        """The distinct labels of each example; for entities, their types."""
        return self.task.row_labels(self.examples)

    @cached_property
    def answers(self) -> list[Any]:
        """The complete label of each example in a form that can be compared and hashed."""
        columns = [self.examples[name].tolist() for name in self.task.target_columns]
        return [tuple(map(_hashable, row)) for row in zip(*columns, strict=True)]

    @cached_property
    def label_counts(self) -> dict[str, dict[str, int]]:
        """Split -> label -> how often it occurs."""
        return {split: self.task.label_counts(self.examples[self.splits == split]) for split in SPLITS}

    @cached_property
    def labels(self) -> list[str]:
        """Every label that occurs anywhere, sorted."""
        return sorted({label for counts in self.label_counts.values() for label in counts})

    @property
    def has_entities(self) -> bool:
        """Whether the task labels spans of the text."""
        return self.task.head_level == "token"

    @cached_property
    def entities(self) -> list[list[EntitySpan]]:
        """Entities of each example, over its words; empty lists where the task has none."""
        if not self.has_entities:
            return [[] for _ in self.texts]
        return [spans_of(list(tags)) for tags in self.examples["tags"]]

    @cached_property
    def word_starts(self) -> list[list[int]]:
        """Character offset of the start of each word of each example; only where words are tagged."""
        return [list(starts) for starts in self.examples["starts"]]

    @cached_property
    def word_ends(self) -> list[list[int]]:
        """Character offset of the end of each word of each example."""
        return [list(ends) for ends in self.examples["ends"]]

    def surface(self, position: int, entity: EntitySpan) -> str:
        """The text of an entity of the example at a position."""
        return self.texts[position][self.word_starts[position][entity.start] : self.word_ends[position][entity.end - 1]]

    def with_progress(self, progress: Callable[[float], None]) -> CheckInput:
        """The same input with another progress callback."""
        return replace(self, progress=progress)

    def sample(self, most: int) -> CheckInput:
        """These examples, or a fixed random sample of ``most`` of them; the order is kept."""
        if len(self.examples) <= most:
            return self
        chosen = np.sort(np.random.default_rng(0).choice(len(self.examples), size=most, replace=False))
        return replace(self, examples=self.examples.iloc[chosen].reset_index(drop=True), is_part=True)

    def example(self, id_: int, *, text: str | None = None, detail: str = "") -> FindingExample:
        """One example of a finding.

        Args:
            id_: of the example.
            text: shown instead of its text.
            detail: what the finding is about in it.
        """
        row = self.examples.iloc[int(self._position_of[id_])]
        return FindingExample(
            id=int(id_),
            split=str(row["split"]),
            record=int(row["record"]),
            text=shown(row["text"] if text is None else text),
            detail=shown(detail, 120),
        )

    @cached_property
    def near(self) -> CheckInput:
        """The examples compared for near duplicates: all of them, or a sample of large data sets."""
        return self.sample(MOST_COMPARED)

    @cached_property
    def groups(self) -> np.ndarray:
        """Near-duplicate group number of each example; use it on ``near``."""
        return near_duplicate_groups(self.texts, self.progress)

    @cached_property
    def _position_of(self) -> pd.Series:
        return pd.Series(np.arange(len(self.ids)), index=self.ids)


Check = Callable[[CheckInput], list[Finding]]
"""Takes the input of a check and returns its findings, or an empty list."""


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple | np.ndarray) else value
