"""Cached features: with a frozen encoder every text is encoded once, so that training the head takes seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from core.models.heads import Classifier, PooledClassifier
from core.tasks.base import Encoded
from core.training.steps.batching import evaluation_batches, pad


def can_read_once(classifier: Classifier) -> bool:
    """Whether features can be cached: nothing below the head is trained."""
    return (
        isinstance(classifier, PooledClassifier)
        and classifier.attention is None
        and not any(parameter.requires_grad for parameter in classifier.pretrained.parameters())
    )


def cache_features(
    classifier: Classifier,
    encoded: Encoded,
    *,
    pad_token_id: int,
    batch_size: int,
    device: torch.device,
    may_go_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Store the vector of every input in ``encoded.vectors``.

    The encoder runs without dropout, which would make the vectors differ from epoch to epoch.

    Args:
        classifier: one that ``can_read_once`` accepts.
        encoded: gets the vectors.
        pad_token_id: fills short rows.
        batch_size: inputs per forward pass.
        device: where the classifier is.
        may_go_on: called before each batch; false stops.

    Returns:
        Whether all inputs were encoded; if not, ``encoded`` is unchanged.
    """
    assert isinstance(classifier, PooledClassifier)
    classifier.eval()
    vectors = np.zeros((encoded.num_inputs, classifier.encoder.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for positions in evaluation_batches(encoded.lengths, batch_size):
            if not may_go_on():
                return False
            batch = pad([encoded.input_ids[i] for i in positions], pad_token_id).to(device)
            vectors[positions] = classifier.embed(*batch.inputs).float().cpu().numpy()
    encoded.vectors = vectors
    return True
