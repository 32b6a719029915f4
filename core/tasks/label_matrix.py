"""The label matrix of the examples in sparse form: pairs of example and label.

A dense matrix would take a gigabyte for a million examples and a thousand labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


@dataclass(frozen=True, kw_only=True)
class LabelMatrix:
    """The labels of examples, for stratified splits.

    Attributes:
        rows: position of the example of each pair; ascending, ``(num_pairs,)``.
        labels: number of the label of each pair; ascending and unique within an example, ``(num_pairs,)``.
        num_rows: number of examples, including those without a label.
        num_labels: number of labels.
    """

    rows: np.ndarray
    labels: np.ndarray
    num_rows: int
    num_labels: int

    @classmethod
    def of(cls, row_labels: Iterable[Iterable[str]], names: Sequence[str]) -> LabelMatrix:
        """The matrix of examples that may have several labels.

        Args:
            row_labels: the labels of each example.
            names: all labels, in the order of their numbers.
        """
        ids = {name: number for number, name in enumerate(names)}
        numbers = [sorted({ids[name] for name in labels}) for labels in row_labels]
        lengths = np.fromiter(map(len, numbers), dtype=np.intp, count=len(numbers))
        return cls(
            rows=np.repeat(np.arange(len(numbers)), lengths),
            labels=np.fromiter(chain.from_iterable(numbers), dtype=np.intp, count=int(lengths.sum())),
            num_rows=len(numbers),
            num_labels=len(names),
        )

    @property
    def counts(self) -> np.ndarray:
        """How many examples have each label, ``(num_labels,)``."""
        return np.bincount(self.labels, minlength=self.num_labels)
