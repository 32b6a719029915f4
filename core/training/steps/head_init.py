"""Initialization of a new head.

A linear head starts with the label frequencies as biases. A cosine head starts with a prototype for each label: the mean vector
of its texts.

An encoder pretrained for sentence similarity separates many labels before any training. Starting from prototypes saves epochs
and helps labels with few examples most.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from core.models.heads import Classifier, CosineHead, PooledClassifier
from core.tasks.base import Encoded, Task
from core.training.steps.batching import evaluation_batches, pad

FEWEST_TEXTS_PER_LABEL, TEXTS_PER_LABEL, TEXTS = 16, 64, 256
"""Texts averaged per prototype: about ``TEXTS`` for all labels together, within these bounds per label.

More delay the first point of the curve and change little; see benchmarks/RESULTS.md, Launching.
"""

BATCH_SIZE = 64


def start_from_label_frequencies(classifier: Classifier, task: Task, encoded: Encoded, num_outputs: int) -> None:
    """Initialize the output biases with the label frequencies; does nothing to a head without biases.

    Args:
        classifier: changed in place.
        task: computes the biases from its targets.
        encoded: training inputs with targets.
        num_outputs: number of outputs of the head.
    """
    bias = classifier.output_bias
    if bias is not None:
        with torch.no_grad():
            bias.copy_(torch.from_numpy(task.starting_bias(encoded, num_outputs)))


def start_from_label_means(
    classifier: Classifier,
    encoded: Encoded,
    num_outputs: int,
    pad_token_id: int,
    device: torch.device,
    arithmetic: AbstractContextManager[Any] | None = None,
) -> None:
    """Initialize the prototypes of a cosine head with the mean direction of each label's texts; does nothing to other heads.

    Args:
        classifier: changed in place.
        encoded: training inputs whose targets are label ids.
        num_outputs: number of labels.
        pad_token_id: fills short rows.
        device: where the classifier is.
        arithmetic: autocast context for the vectors; training's own is several times faster than plain float32.
    """
    if not isinstance(classifier, PooledClassifier) or not isinstance(classifier.head, CosineHead):
        return
    targets = np.asarray(encoded.targets)
    most = min(TEXTS_PER_LABEL, max(FEWEST_TEXTS_PER_LABEL, TEXTS // num_outputs))
    chosen = np.concatenate([np.flatnonzero(targets == label)[:most] for label in range(num_outputs)])
    sums = torch.zeros_like(classifier.head.weight)
    classifier.eval()
    with torch.inference_mode(), arithmetic or nullcontext():
        for positions in evaluation_batches(encoded.lengths[chosen], BATCH_SIZE):
            rows = chosen[positions]
            batch = pad([encoded.input_ids[i] for i in rows], pad_token_id).to(device)
            vectors = torch.nn.functional.normalize(classifier.embed(*batch.inputs).float(), dim=-1)
            sums.index_add_(0, torch.from_numpy(targets[rows]).to(device), vectors)
    with torch.no_grad():
        seen = sums.norm(dim=-1, keepdim=True) > 0
        # A label without training texts keeps its random initialization.
        classifier.head.weight.copy_(torch.where(seen, torch.nn.functional.normalize(sums, dim=-1), classifier.head.weight))
