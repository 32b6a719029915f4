"""Which labels the examples have, as pairs of example and label.

As a table of yes and no, the same would take a gigabyte for a million examples and a thousand labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


@dataclass(frozen=True, kw_only=True)
class LabelMatrix:
    """What a split should keep in proportion.

    Attributes:
        rows: position of an example, once for each of its labels; in ascending order, ``(num_pairs,)``.
        labels: number of the label that this example has; in ascending order within an example, each once, ``(num_pairs,)``.
        num_rows: how many examples there are, those without a label included.
        num_labels: how many labels there are.
    """

    rows: np.ndarray
    labels: np.ndarray
    num_rows: int
    num_labels: int

    @classmethod
    def of(cls, row_labels: Iterable[Iterable[str]], names: Sequence[str]) -> LabelMatrix:
        """The strata of examples of which each may have several labels.

        Args:
            row_labels: the labels of each example.
            names: every label there is, in the order of their numbers.
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
