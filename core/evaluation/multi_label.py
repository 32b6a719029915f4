"""Scores of multi-label classification: every example has any number of gold labels and of predicted labels."""

from dataclasses import dataclass

import numpy as np

from core.evaluation.classification import Confusion
from core.evaluation.scores import Scores, averages, label_scores, ratio

CURVE_THRESHOLDS = np.round(np.linspace(0.02, 0.98, 49), 2)
"""Thresholds at which the precision and recall curves are sampled."""


@dataclass(frozen=True, kw_only=True)
class MultiLabelScores:
    """One label: its scores, its 2x2 counts, its decision threshold, and its average precision over all thresholds."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    average_precision: float
    threshold: float
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Precision, recall and F1 at each of ``CURVE_THRESHOLDS``."""

    thresholds: list[float]
    precision: list[float]
    recall: list[float]
    f1: list[float]


@dataclass(frozen=True, kw_only=True)
class MultiLabelResult:
    """The scores of one split.

    ``exact_match`` is the share of examples whose complete label set is correct, ``hamming_loss`` the share of single label
    decisions that are wrong. In ``confusion`` a row is a missed gold label, a column a wrongly predicted label of the same
    example.
    """

    num_examples: int
    loss: float
    exact_match: float
    hamming_loss: float
    macro: Scores
    micro: Scores
    weighted: Scores
    samples: Scores
    labels: list[MultiLabelScores]
    confusion: Confusion
    curve: Curve
    label_curves: dict[str, dict[str, list[float]]]


def score_multi_label(
    gold: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray, labels: list[str], loss: float
) -> MultiLabelResult:
    """Score a split.

    Args:
        gold, predicted: bool, ``(num_examples, num_labels)``.
        probabilities: float, same shape.
        thresholds: the probability from which each label was given, ``(num_labels,)``.
        labels: names of the columns.
        loss: mean loss per decision.
    """
    hits, predicted_counts, gold_counts = (gold & predicted).sum(axis=0), predicted.sum(axis=0), gold.sum(axis=0)
    summary = averages(hits, predicted_counts, gold_counts)
    precision, recall, f1 = _curves(gold, probabilities)
    missed, spurious = gold & ~predicted, predicted & ~gold
    return MultiLabelResult(
        num_examples=len(gold),
        loss=loss,
        exact_match=float((gold == predicted).all(axis=1).mean()) if len(gold) else 0.0,
        hamming_loss=float((gold != predicted).mean()) if gold.size else 0.0,
        macro=summary.macro,
        micro=summary.micro,
        weighted=summary.weighted,
        samples=_sample_scores(gold, predicted),
        labels=[
            MultiLabelScores(
                label=scores.label,
                precision=scores.precision,
                recall=scores.recall,
                f1=scores.f1,
                support=scores.support,
                average_precision=_average_precision(gold[:, i], probabilities[:, i]),
                threshold=float(thresholds[i]),
                true_positive=int(hits[i]),
                false_positive=int(spurious[:, i].sum()),
                false_negative=int(missed[:, i].sum()),
                true_negative=int((~gold[:, i] & ~predicted[:, i]).sum()),
            )
            for i, scores in enumerate(label_scores(labels, hits, predicted_counts, gold_counts))
        ],
        confusion=Confusion(labels, (missed.T.astype(int) @ spurious.astype(int)).tolist()),
        curve=_micro_curve(gold, probabilities),
        label_curves={
            label: {"precision": precision[:, i].tolist(), "recall": recall[:, i].tolist(), "f1": f1[:, i].tolist()}
            for i, label in enumerate(labels)
        },
    )


def best_thresholds(gold: np.ndarray, probabilities: np.ndarray, *, prior_strength: float = 10.0) -> np.ndarray:
    """The threshold for each label with the best F1, shrunk towards the best common threshold if examples are few.

    With only a few validation examples, the best threshold of a label is unreliable: its curve is mixed with that of all labels
    together, which counts as ``prior_strength`` examples of the label.

    Args:
        gold: bool, ``(num_examples, num_labels)``.
        probabilities: float, same shape.

    Returns:
        float, ``(num_labels,)``; 0.5 everywhere if there are no examples.
    """
    if not gold.size:
        return np.full(gold.shape[1], 0.5)
    _, _, per_label = _curves(gold, probabilities)
    common = np.array(_micro_curve(gold, probabilities).f1)[:, None]
    support = gold.sum(axis=0)
    mixed = (per_label * support + common * prior_strength) / (support + prior_strength)
    # Of equal scores, the middle of the plateau generalises best; 0.5 is the default for an empty curve.
    best = mixed >= mixed.max(axis=0) - 1e-12
    return np.array([_middle(CURVE_THRESHOLDS[best[:, i]]) for i in range(gold.shape[1])])


def _middle(values: np.ndarray) -> float:
    return float(values[len(values) // 2])


def _curves(gold: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of every label, each ``(num_thresholds, num_labels)``."""
    hits, predicted = _counts_by_threshold(gold, probabilities)
    support = np.broadcast_to(gold.sum(axis=0), hits.shape)
    return ratio(hits, predicted), ratio(hits, support), ratio(2 * hits, predicted + support)


def _micro_curve(gold: np.ndarray, probabilities: np.ndarray) -> Curve:
    hits, predicted = (counts.sum(axis=1) for counts in _counts_by_threshold(gold, probabilities))
    support = np.full(len(hits), gold.sum())
    return Curve(
        thresholds=CURVE_THRESHOLDS.tolist(),
        precision=ratio(hits, predicted).tolist(),
        recall=ratio(hits, support).tolist(),
        f1=ratio(2 * hits, predicted + support).tolist(),
    )


def _counts_by_threshold(gold: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted positives, each ``(num_thresholds, num_labels)``."""
    above = [probabilities >= threshold for threshold in CURVE_THRESHOLDS]
    return np.array([(gold & mask).sum(axis=0) for mask in above]), np.array([mask.sum(axis=0) for mask in above])


def _sample_scores(gold: np.ndarray, predicted: np.ndarray) -> Scores:
    """Scores of each example's label set, averaged; an example without labels and without predictions counts as correct."""
    hits, given, wanted = (gold & predicted).sum(axis=1), predicted.sum(axis=1), gold.sum(axis=1)
    values = (_of_sets(hits, given, given + wanted), _of_sets(hits, wanted, given + wanted), sample_f1(gold, predicted))
    return Scores(*(float(value.mean()) if len(gold) else 0.0 for value in values))


def sample_f1(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 of each example's label set, ``(num_examples,)``; 1 if both gold and predicted sets are empty."""
    hits, together = (gold & predicted).sum(axis=1), predicted.sum(axis=1) + gold.sum(axis=1)
    return _of_sets(2 * hits, together, together)


def _of_sets(numerator: np.ndarray, denominator: np.ndarray, num_labels: np.ndarray) -> np.ndarray:
    return np.where(num_labels == 0, 1.0, ratio(numerator, denominator))


def _average_precision(gold: np.ndarray, probabilities: np.ndarray) -> float:
    if not gold.any():
        return 0.0
    from sklearn.metrics import average_precision_score  # imported here, so that pages that only need titles load fast

    return float(average_precision_score(gold, probabilities))
