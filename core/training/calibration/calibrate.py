"""The last touches to a trained model before it is tested: how sure it may be, and whether words by themselves are added."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from core.models.heads import Classifier, PooledClassifier, can_scale_outputs, scale_outputs
from core.tasks.base import Encoded, Task
from core.tasks.losses import LossOptions
from core.training.calibration.fit_tfidf_head import tfidf_logits, weigh_words
from core.training.calibration.temperature import MISTAKES_PER_FACTOR, LogitScaling, choose_factors, count_mistakes
from core.training.tracking.recorder import Recorder, TrainingStopped

NEWS_INTERVAL_S = 5.0
"""Seconds between two sentences about how far it is: with many texts and labels the words take about a minute."""


def calibrate(
    classifier: Classifier,
    task: Task,
    train: Encoded,
    validation: Encoded,
    logits: list[np.ndarray],
    *,
    weighs_words: bool,
    may_scale: bool,
    label_weights: torch.Tensor | None,
    pad_token_id: int,
    recorder: Recorder,
) -> LogitScaling:
    """Let validation decide on a trained classifier's factors, and build them in; says what was done.

    Args:
        classifier: changed in place; of a task with one row of logits a text.
        task: gives the loss.
        train, validation: inputs with targets.
        logits: what the classifier says of the validation split.
        weighs_words: whether word evidence is to be learned, and added where validation finds the answers better for it.
        may_scale: whether logits are scaled where no evidence is added.
        label_weights: what mistakes on each label were made to count while training, and count here as well.
        pad_token_id: fills short rows.
        recorder: is told what was done.

    Raises:
        TrainingStopped: a stop was asked for while words were weighed.
    """
    may_scale = may_scale and can_scale_outputs(classifier)
    table = np.stack(logits) if logits else np.zeros((0, 0), dtype=np.float32)
    targets = task.collate_targets(list(validation.targets), 0)
    words = None
    if weighs_words and isinstance(classifier, PooledClassifier) and count_mistakes(table, targets) >= 2 * MISTAKES_PER_FACTOR:
        news = _News(recorder, num_labels=table.shape[1])
        words = weigh_words(train, task, table.shape[1], pad_token_id=pad_token_id, on_label=news.tell)
    said = None if words is None else tfidf_logits(words, validation, pad_token_id=pad_token_id)
    options = LossOptions(label_weights=None if label_weights is None else label_weights.double().cpu())
    factors = choose_factors(table, targets, partial(task.loss, options=options), said, may_scale=may_scale)
    if factors.scale != 1.0:
        scale_outputs(classifier, factors.scale)
    if words is not None and factors.evidence:
        assert isinstance(classifier, PooledClassifier)
        words.weight *= factors.evidence
        words.bias *= factors.evidence
        classifier.words = words.to(next(classifier.parameters()).device)
    for sentence in _what_was_done(factors, weighs_words=weighs_words, may_scale=may_scale):
        recorder.event("info", sentence)
    return factors


class _News:
    """Says now and then how far the weighing of words is, and ends it when a stop is asked for."""

    def __init__(self, recorder: Recorder, num_labels: int) -> None:
        self._recorder = recorder
        self._num_labels = num_labels
        self._told_at = time.monotonic()

    def tell(self, done: int) -> None:
        if self._recorder.stop_requested():
            raise TrainingStopped
        if time.monotonic() - self._told_at >= NEWS_INTERVAL_S:
            self._told_at = time.monotonic()
            sentence = f"Weighing words by themselves: {done} of {self._num_labels} labels done."
            self._recorder.event("phase", sentence, phase="calibrating")


def _what_was_done(factors: LogitScaling, *, weighs_words: bool, may_scale: bool) -> Iterator[str]:
    wanted = {"what words by themselves would add": 2 * weighs_words, "how sure the model may be": int(may_scale)}
    unknown = [what for what, num_factors in wanted.items() if factors.num_mistakes < num_factors * MISTAKES_PER_FACTOR]
    if unknown:
        yield f"Validation's mistakes ({factors.num_mistakes}) are too few to learn from them {' and '.join(unknown)}."
    elif weighs_words and not factors.evidence:
        yield "Words by themselves make no answers better on validation and are left out."
    gain = f"loss on validation {factors.loss:.4f} instead of {factors.loss_before:.4f}." if factors.loss is not None else ""
    if factors.evidence:
        yield f"What words say by themselves is added to the model's answers: {gain}"
    elif factors.scale < 1.0:
        yield f"The model was surer than it was right, so its probabilities are toned down: {gain}"
    elif factors.scale > 1.0:
        yield f"The model was right more often than it was sure, so its probabilities are sharpened: {gain}"
