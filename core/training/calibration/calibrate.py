"""Calibration of a trained model before it is tested: temperature scaling, and whether a TF-IDF classifier is added."""

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
"""Seconds between two progress events: with many texts and labels, the TF-IDF classifier takes about a minute."""


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
    """Fit temperature and TF-IDF weight on validation, apply them to the classifier, and report what was done.

    Args:
        classifier: changed in place; of a task with one row of logits per text.
        task: gives the loss.
        train, validation: inputs with targets.
        logits: the classifier's logits on the validation split.
        weighs_words: whether a TF-IDF classifier is trained, and added if that lowers the validation loss.
        may_scale: whether logits are scaled if no TF-IDF classifier is added.
        label_weights: class weights used in training; they apply here as well.
        pad_token_id: fills short rows.
        recorder: gets the events.

    Raises:
        TrainingStopped: a stop was requested while the TF-IDF classifier was trained.
    """
    may_scale = may_scale and can_scale_outputs(classifier)
    table = np.stack(logits) if logits else np.zeros((0, 0), dtype=np.float32)
    targets = task.collate_targets(list(validation.targets), 0)
    words = None
    if weighs_words and isinstance(classifier, PooledClassifier) and count_mistakes(table, targets) >= 2 * MISTAKES_PER_FACTOR:
        progress = _TfidfProgress(recorder, num_labels=table.shape[1])
        words = weigh_words(train, task, table.shape[1], pad_token_id=pad_token_id, on_label=progress.report)
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


class _TfidfProgress:
    """Reports the progress of training the TF-IDF classifier, and ends it when a stop is requested."""

    def __init__(self, recorder: Recorder, num_labels: int) -> None:
        self._recorder = recorder
        self._num_labels = num_labels
        self._reported_at = time.monotonic()

    def report(self, done: int) -> None:
        if self._recorder.stop_requested():
            raise TrainingStopped
        if time.monotonic() - self._reported_at >= NEWS_INTERVAL_S:
            self._reported_at = time.monotonic()
            sentence = f"Training the TF-IDF classifier: {done} of {self._num_labels} labels done."
            self._recorder.event("phase", sentence, phase="calibrating")


def _what_was_done(factors: LogitScaling, *, weighs_words: bool, may_scale: bool) -> Iterator[str]:
    wanted = {"a TF-IDF classifier": 2 * weighs_words, "temperature scaling": int(may_scale)}
    unknown = [what for what, num_factors in wanted.items() if factors.num_mistakes < num_factors * MISTAKES_PER_FACTOR]
    if unknown:
        yield f"Too few errors on validation ({factors.num_mistakes}) to fit {' and '.join(unknown)}."
    elif weighs_words and not factors.evidence:
        yield "The TF-IDF classifier does not lower the validation loss and is left out."
    gain = f"validation loss {factors.loss:.4f} instead of {factors.loss_before:.4f}." if factors.loss is not None else ""
    if factors.evidence:
        yield f"TF-IDF classifier added: {gain}"
    elif factors.scale < 1.0:
        yield f"Overconfident; temperature scaling applied: {gain}"
    elif factors.scale > 1.0:
        yield f"Underconfident; temperature scaling applied: {gain}"
