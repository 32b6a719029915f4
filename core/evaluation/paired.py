"""The standard error of the difference of two scores: paired, since both were measured on the same rows.

Two similar models differ in few rows, and only these rows tell which model is better. Comparing each score with its own standard
error ignores this, so nearly every difference looks like chance.

A score that is a mean over rows, such as accuracy, has a closed formula; for rows that are right or wrong it is McNemar's. Scores
from counts, such as F1, are bootstrapped, with the same samples for both models.
Sources: Q. McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 12 (1947).
B. Efron, R. Tibshirani, An introduction to the bootstrap, 1993, chapters 6 and 10.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from core.evaluation.entities import spans_of
from core.evaluation.scores import ratio

Summary = Literal["macro_f1", "micro_f1", "weighted_f1", "precision", "recall"]
"""How counts become a score; precision and recall are those over all labels together."""

NUM_DRAWS = 200
"""Bootstrap draws; enough for a standard error (Efron and Tibshirani, section 6.4)."""

DRAWN_AT_ONCE = 2_000_000
"""Numbers of bootstrap draws in memory at a time, 16 MiB."""

SEED = 20_260_101
"""Seed of the draws: the same rows give the same error, so that a resumed run makes the same decisions."""


@dataclass(frozen=True, kw_only=True)
class RowValues:
    """A score that is a mean over rows.

    Attributes:
        values: the value of each row, float32 ``(num_rows,)``; 1 or 0 if rows are right or wrong.
    """

    values: np.ndarray

    def score(self) -> float:
        """The mean; 0 without rows."""
        return float(self.values.mean(dtype=np.float64)) if len(self.values) else 0.0


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """A score from label counts: the contribution of each row, as a sparse matrix.

    Attributes:
        summary: how the score is computed from the counts.
        num_rows: of the split.
        rows, labels: which row and label each entry belongs to, ``(num_entries,)``.
        hits, given, wanted: true positives, predicted positives and gold positives of each entry, ``(num_entries,)``.
    """

    summary: Summary
    num_rows: int
    rows: np.ndarray
    labels: np.ndarray
    hits: np.ndarray
    given: np.ndarray
    wanted: np.ndarray

    @classmethod
    def of(cls, summary: Summary, num_rows: int, **columns: Any) -> RowCounts:
        """Create it from array-like columns of whole numbers, stored in as few bytes as possible."""
        return cls(summary=summary, num_rows=num_rows, **{name: _narrow(np.asarray(column)) for name, column in columns.items()})

    def of_rows(self, chosen: np.ndarray) -> RowCounts:
        """The selected rows, renumbered in their order; no row may be selected twice."""
        number = np.full(self.num_rows, -1)
        number[chosen] = np.arange(len(chosen))
        is_chosen = number[self.rows] >= 0
        columns = {name: getattr(self, name)[is_chosen] for name in ("labels", "hits", "given", "wanted")}
        rows = number[self.rows[is_chosen]]
        return RowCounts(summary=self.summary, num_rows=len(chosen), rows=rows, **columns)

    def score(self) -> float:
        """The score over all rows, each counted once."""
        return float(self.scores(np.ones((1, self.num_rows)))[0])

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """The score for each of several bootstrap draws.

        Args:
            weights: how often each row was drawn, ``(num_draws, num_rows)``.

        Returns:
            float64, ``(num_draws,)``.
        """
        num_labels = int(self.labels.max(initial=0)) + 1
        counts = np.zeros((3, len(weights), num_labels))
        columns = [column.astype(np.float64) for column in (self.hits, self.given, self.wanted)]
        for draw, drawn in enumerate(weights):
            of_entry = drawn[self.rows]
            for kind, column in enumerate(columns):
                counts[kind, draw] = np.bincount(self.labels, weights=of_entry * column, minlength=num_labels)
        return _summed_up(self.summary, *counts)


Outcomes = RowValues | RowCounts
"""The results of the rows of a split, for one score."""


def standard_error(one: Outcomes, other: Outcomes) -> float:
    """Standard error of the difference of two scores on the same rows; infinite for fewer than two rows.

    Raises:
        ValueError: they are of different scores or have different numbers of rows.
    """
    if isinstance(one, RowValues) and isinstance(other, RowValues) and len(one.values) == len(other.values):
        difference = one.values.astype(np.float64) - other.values.astype(np.float64)
        return float(difference.std(ddof=1)) / math.sqrt(len(difference)) if len(difference) > 1 else math.inf
    if not (isinstance(one, RowCounts) and isinstance(other, RowCounts)):
        raise ValueError("outcomes are of different kinds, or of different rows")
    if (one.summary, one.num_rows) != (other.summary, other.num_rows):
        raise ValueError(f"outcomes are of {one.summary} on {one.num_rows} rows and {other.summary} on {other.num_rows}")
    if one.num_rows < 2:
        return math.inf
    first, sizes = _alike(one, other)
    one, other = one.of_rows(first), other.of_rows(first)
    # Sampling rows and counting the kinds is the same as sampling the counts of the kinds (multinomial).
    generator, shares, differences = np.random.default_rng(SEED), sizes / sizes.sum(), []
    at_once = max(1, DRAWN_AT_ONCE // len(sizes))
    for start in range(0, NUM_DRAWS, at_once):
        drawn = generator.multinomial(int(sizes.sum()), shares, size=min(at_once, NUM_DRAWS - start))
        differences.append(one.scores(drawn) - other.scores(drawn))
    return float(np.concatenate(differences).std(ddof=1))


def of_labels(gold: np.ndarray, predicted: np.ndarray, summary: Summary) -> RowCounts:
    """Outcomes where each row has one label.

    Args:
        gold, predicted: label ids, ``(num_rows,)``.
        summary: which score they are of.
    """
    right = gold == predicted
    wrong = np.flatnonzero(~right)
    zeros, ones = np.zeros(len(wrong), dtype=int), np.ones(len(wrong), dtype=int)
    return RowCounts.of(
        summary,
        len(gold),
        rows=np.concatenate([np.arange(len(gold)), wrong]),
        labels=np.concatenate([gold, predicted[wrong]]),
        hits=np.concatenate([right, zeros]),
        given=np.concatenate([right, ones]),
        wanted=np.concatenate([np.ones(len(gold), dtype=int), zeros]),
    )


def of_indicators(gold: np.ndarray, predicted: np.ndarray, summary: Summary) -> RowCounts:
    """Outcomes where each row has any number of labels.

    Args:
        gold, predicted: bool, ``(num_rows, num_labels)``.
        summary: which score they are of.
    """
    rows, labels = np.nonzero(gold | predicted)
    wanted, given = gold[rows, labels], predicted[rows, labels]
    return RowCounts.of(summary, len(gold), rows=rows, labels=labels, hits=wanted & given, given=given, wanted=wanted)


def of_entities(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], summary: Summary) -> RowCounts:
    """Outcomes of strict entity scores; a row is a sentence, since its entities are not independent.

    Args:
        gold, predicted: IOB2 tags of every word, one sequence for each sentence.
        summary: which score they are of.
    """
    ids: dict[str, int] = {}
    entries: list[list[int]] = []
    for row, (wanted_tags, given_tags) in enumerate(zip(gold, predicted, strict=True)):
        wanted, given = set(spans_of(wanted_tags)), set(spans_of(given_tags))
        kinds = [Counter(span.type for span in spans) for spans in (wanted & given, given, wanted)]
        entries.extend(
            [row, ids.setdefault(name, len(ids)), *(kind[name] for kind in kinds)] for name in sorted(kinds[1] | kinds[2])
        )
    rows, labels, hits, given_counts, wanted_counts = np.array(entries, dtype=int).reshape(-1, 5).T
    return RowCounts.of(summary, len(gold), rows=rows, labels=labels, hits=hits, given=given_counts, wanted=wanted_counts)


def of_words(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> RowCounts:
    """Outcomes of the share of words with the correct tag; a row is a sentence."""
    words = [len(tags) for tags in gold]
    hits = [sum(w == g for w, g in zip(*pair, strict=True)) for pair in zip(gold, predicted, strict=True)]
    rows = np.arange(len(words))
    return RowCounts.of("micro_f1", len(words), rows=rows, labels=np.zeros_like(rows), hits=hits, given=words, wanted=words)


def as_plain(outcomes: Outcomes) -> dict[str, Any]:
    """Outcomes as text, numbers and arrays, for storing."""
    return asdict(outcomes)


def from_plain(plain: Mapping[str, Any]) -> Outcomes:
    """Restore outcomes from ``as_plain``."""
    return RowValues(**plain) if "values" in plain else RowCounts(**plain)


def _summed_up(summary: Summary, hits: np.ndarray, given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The score from counts ``(num_draws, num_labels)``, as in ``core.evaluation.scores.averages``."""
    if summary in {"macro_f1", "weighted_f1"}:
        f1 = ratio(2 * hits, given + wanted)
        if summary == "weighted_f1":
            return ratio((f1 * wanted).sum(axis=1), wanted.sum(axis=1))
        return ratio(f1.sum(axis=1), ((given + wanted) > 0).sum(axis=1))
    hits, given, wanted = (counts.sum(axis=1) for counts in (hits, given, wanted))
    if summary == "micro_f1":
        return ratio(2 * hits, given + wanted)
    return ratio(hits, given if summary == "precision" else wanted)


def _alike(one: RowCounts, other: RowCounts) -> tuple[np.ndarray, np.ndarray]:
    """Groups of equal rows, of which most splits have few: the first row of each group, and the size of each group.

    Rows are equal if they contribute the same counts to both scores. They are compared by sums of 64-bit hashes of their entries.
    """
    hashes = np.zeros(one.num_rows, dtype=np.uint64)
    for place, outcomes in enumerate((one, other)):
        mixed = _mixed(np.full(len(outcomes.rows), place, dtype=np.uint64))
        for column in (outcomes.labels, outcomes.hits, outcomes.given, outcomes.wanted):
            mixed = _mixed(mixed + column.astype(np.uint64))
        np.add.at(hashes, outcomes.rows, mixed)
    _, first, sizes = np.unique(hashes, return_index=True, return_counts=True)
    return first, sizes


def _mixed(values: np.ndarray) -> np.ndarray:
    """64-bit hashes of whole numbers.

    Source: G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
    """
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: np.ndarray = values ^ (values >> np.uint64(31))
    return spread


def _narrow(column: np.ndarray) -> np.ndarray:
    """The column as bytes if its numbers fit, else as 4-byte numbers."""
    return column.astype(np.uint8 if column.max(initial=0) < 256 else np.int32)
