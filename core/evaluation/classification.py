"""Scores of single-label classification: every example has one gold label and one predicted label."""

from dataclasses import dataclass

import numpy as np

from core.evaluation.scores import LabelScores, Scores, averages, confusion_counts, label_scores, wilson_interval


@dataclass(frozen=True)
class Confusion:
    """How often gold label ``i`` (row) was predicted as ``j`` (column)."""

    labels: list[str]
    counts: list[list[int]]


@dataclass(frozen=True, kw_only=True)
class ClassificationResult:
    """The scores of one split; ``accuracy_interval`` is a 95% confidence interval of the accuracy."""

    num_examples: int
    loss: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro: Scores
    micro: Scores
    weighted: Scores
    labels: list[LabelScores]
    confusion: Confusion


def score_classification(gold: np.ndarray, predicted: np.ndarray, labels: list[str], loss: float) -> ClassificationResult:
    """Score a split.

    Args:
        gold, predicted: label ids, int, ``(num_examples,)``.
        labels: names of the ids.
        loss: mean loss per example.
    """
    counts = confusion_counts(gold, predicted, len(labels))
    hits, predicted_counts, gold_counts = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    summary = averages(hits, predicted_counts, gold_counts)
    num_correct, num_examples = int(hits.sum()), len(gold)
    return ClassificationResult(
        num_examples=num_examples,
        loss=loss,
        accuracy=num_correct / num_examples if num_examples else 0.0,
        accuracy_interval=wilson_interval(num_correct, num_examples),
        macro=summary.macro,
        micro=summary.micro,
        weighted=summary.weighted,
        labels=label_scores(labels, hits, predicted_counts, gold_counts),
        confusion=Confusion(labels, counts.tolist()),
    )
