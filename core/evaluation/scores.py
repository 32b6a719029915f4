"""Precision, recall and F1 from counts, their averages and confidence intervals: pure functions on numpy arrays.

All functions work on counts of true positives, predicted positives and gold positives of each label, which every task provides;
the task defines what counts as a hit. A ratio with a zero denominator is 0, as in scikit-learn.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1, each from 0 to 1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class LabelScores:
    """The scores of one label; ``support`` is how often it occurs in gold."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Averages:
    """Macro, micro and weighted averages: labels weighted equally, decisions weighted equally, labels weighted by support."""

    macro: Scores
    micro: Scores
    weighted: Scores


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise quotient; 0 if the denominator is 0."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    quotient = np.zeros_like(numerator)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def label_scores(labels: list[str], hits: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> list[LabelScores]:
    """Scores of each label.

    Args:
        labels: names, in the order of the counts.
        hits, predicted, gold: true positives, predicted positives and gold positives, each ``(num_labels,)``.
    """
    precision, recall = ratio(hits, predicted), ratio(hits, gold)
    f1 = ratio(2 * hits, predicted + gold)
    return [
        LabelScores(label, float(p), float(r), float(f), int(n))
        for label, p, r, f, n in zip(labels, precision, recall, f1, gold, strict=True)
    ]


def averages(hits: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> Averages:
    """Macro, micro and weighted averages over labels, from the counts ``label_scores`` takes.

    A label that neither occurs nor is predicted is left out of the macro average.
    """
    hits, predicted, gold = (np.asarray(counts, dtype=float) for counts in (hits, predicted, gold))
    seen = (predicted + gold) > 0
    hits, predicted, gold = hits[seen], predicted[seen], gold[seen]
    per_label = np.stack([ratio(hits, predicted), ratio(hits, gold), ratio(2 * hits, predicted + gold)])
    total = np.stack(
        [ratio(hits.sum(), predicted.sum()), ratio(hits.sum(), gold.sum()), ratio(2 * hits.sum(), predicted.sum() + gold.sum())]
    )
    macro = per_label.mean(axis=1) if seen.any() else np.zeros(3)
    weighted = ratio((per_label * gold).sum(axis=1), np.full(3, gold.sum()))
    return Averages(*(Scores(*(float(value) for value in triple)) for triple in (macro, total, weighted)))


def wilson_interval(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval with 95% confidence, also reliable for few trials; (0, 1) without trials.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def confusion_counts(gold: np.ndarray, predicted: np.ndarray, num_labels: int) -> np.ndarray:
    """How often gold label ``i`` was predicted as ``j``.

    Args:
        gold, predicted: label ids, ``(num_examples,)``.

    Returns:
        int64, ``(num_labels, num_labels)``; rows are gold, columns predicted.
    """
    flat = np.bincount(gold * num_labels + predicted, minlength=num_labels * num_labels)
    return flat.reshape(num_labels, num_labels)
