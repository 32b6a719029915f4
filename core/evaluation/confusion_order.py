"""Preparation of a confusion matrix for display: order, selection of labels, most confused pairs. No drawing, no Streamlit."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Order = Literal["confused", "support", "name"]
Shares = Literal["counts", "rows", "columns"]


@dataclass(frozen=True)
class Pair:
    """One off-diagonal cell: ``count`` examples of ``gold`` were predicted as ``predicted``, a ``share`` of all of ``gold``."""

    gold: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class ConfusionView:
    """A square matrix of counts with names; rows are gold, columns predicted.

    Attributes:
        rows, columns: names of each side; they differ only for entities: the last row is spurious, the last column missed.
        counts: ``(len(rows), len(columns))``.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """The counts without the correct predictions on the diagonal."""
        errors = self.counts.copy()
        np.fill_diagonal(errors, 0)
        return errors

    def shares(self, kind: Shares) -> np.ndarray:
        """The counts, or each as a share of its row or column; 0 if the sum is 0."""
        if kind == "counts":
            return self.counts.astype(float)
        totals = self.counts.sum(axis=1 if kind == "rows" else 0, keepdims=True).astype(float)
        shares = np.zeros(self.counts.shape)
        np.divide(self.counts, totals, out=shares, where=totals > 0)
        return shares

    def pairs(self, most: int = 50) -> list[Pair]:
        """The off-diagonal cells in descending count; equal counts by share, then by name."""
        totals = self.counts.sum(axis=1)
        found = [
            Pair(self.rows[i], self.columns[j], int(self.counts[i, j]), float(self.counts[i, j] / totals[i]))
            for i, j in zip(*np.nonzero(self.errors), strict=True)
        ]
        return sorted(found, key=lambda pair: (-pair.count, -pair.share, pair.gold, pair.predicted))[:most]

    def ordered(self, order: Order, *, fixed_tail: int = 0) -> "ConfusionView":
        """The same counts with labels in another order.

        Args:
            order: by confusion (labels that are confused with each other are adjacent), by support, or by name.
            fixed_tail: how many labels at the end keep their place.
        """
        size = len(self.rows) - fixed_tail
        if order == "confused":
            positions = _neighbours_first(self.errors[:size, :size], self.counts.sum(axis=1)[:size])
        elif order == "support":
            positions = sorted(range(size), key=lambda i: (-int(self.counts[i].sum()), self.rows[i]))
        else:
            positions = sorted(range(size), key=lambda i: self.rows[i].casefold())
        return self._take([*positions, *range(size, len(self.rows))])

    def most_confused(self, most: int) -> "ConfusionView":
        """Only the labels with most errors, as rows or columns, in their current order."""
        if most >= len(self.rows):
            return self
        weight = self.errors.sum(axis=0) + self.errors.sum(axis=1)
        chosen = sorted(np.argsort(-weight, kind="stable")[:most].tolist())
        return self._take(chosen)

    def _take(self, positions: list[int]) -> "ConfusionView":
        return ConfusionView(
            rows=tuple(self.rows[i] for i in positions),
            columns=tuple(self.columns[i] for i in positions),
            counts=self.counts[np.ix_(positions, positions)],
        )


def _neighbours_first(errors: np.ndarray, support: np.ndarray) -> list[int]:
    """Positions in an order in which labels that are confused with each other are adjacent.

    Average-linkage clustering: the two groups with the highest mean confusion rate between them are joined, end to end so that
    the most confused ends meet. Groups without confusion between them are sorted by their number of errors.
    """
    total = np.maximum(support[:, None] + support[None, :], 1)
    rate = (errors + errors.T) / total
    groups = [[i] for i in range(len(support))]
    between = rate.astype(float).copy()
    np.fill_diagonal(between, 0.0)
    # The nearest group of each group is cached, since searching all pairs after each merge takes n * n * n steps.
    nearest = between.argmax(axis=1) if len(groups) else np.zeros(0, dtype=int)
    best = between.max(axis=1, initial=0.0)
    while len(groups):
        one = int(best.argmax())
        if best[one] <= 0.0:
            break
        first, second = sorted((one, int(nearest[one])))
        sizes = len(groups[first]), len(groups[second])
        merged = (sizes[0] * between[first] + sizes[1] * between[second]) / sum(sizes)
        merged[[first, second]] = 0.0
        between[first], between[:, first] = merged, merged
        between[second], between[:, second] = 0.0, 0.0
        groups[first], groups[second] = _joined(groups[first], groups[second], rate), []
        is_nearer = (merged > best) | ((merged == best) & (nearest > first))
        stale = np.union1d(np.flatnonzero(is_nearer | (nearest == first) | (nearest == second)), [first, second])
        nearest[stale] = between[stale].argmax(axis=1)
        best[stale] = between[stale].max(axis=1)
    groups = [group for group in groups if group]
    weight = errors.sum(axis=0) + errors.sum(axis=1)
    groups.sort(key=lambda group: (-int(weight[group].sum()), -int(support[group].sum())))
    return [i for group in groups for i in group]


def _joined(left: list[int], right: list[int], rate: np.ndarray) -> list[int]:
    ways = [(a, b) for a in (left, left[::-1]) for b in (right, right[::-1])]
    return max(([*a, *b] for a, b in ways), key=lambda joined: rate[joined[len(left) - 1], joined[len(left)]])
