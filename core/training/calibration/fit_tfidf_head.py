"""Training the TF-IDF classifier: one logistic regression per label on TF-IDF features of tokens and token pairs.

It takes seconds where the encoder takes minutes, and does not depend on the encoder.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse

from core.models.tfidf_head import TfidfHead, keys_and_counts
from core.tasks.base import Encoded, Task
from core.tasks.ragged import RaggedRows
from core.training.steps.batching import evaluation_batches, pad

FEWEST_TEXTS = 2
"""Minimum document frequency of a token or pair: what occurs in a single text does not generalize."""

MOST_WEIGHTS = 8_000_000
"""Most features times labels, 32 MB in a saved model; beyond it the rarest features are left out."""

MOST_LOOKS = 250_000_000
"""Most tokens and pairs times labels to train on, about a minute; beyond it a sample of the texts is used."""

REGULARISATION = 10.0
"""Inverse regularization strength, scikit-learn's C: between 3 and 30 it makes little difference (benchmarks/RESULTS.md)."""

BATCH_SIZE = 256


def weigh_words(
    encoded: Encoded,
    task: Task,
    num_outputs: int,
    *,
    pad_token_id: int,
    seed: int = 0,
    on_label: Callable[[int], None] | None = None,
) -> TfidfHead | None:
    """Train a TF-IDF classifier on the training split; ``None`` if no token occurs in two texts.

    Args:
        encoded: training inputs with targets, one input per text.
        task: one with one output per text and label.
        num_outputs: number of labels.
        pad_token_id: fills short rows.
        seed: decides which texts are sampled, if there are too many.
        on_label: called with the number of labels done so far, before each.
    """
    num_looks = 2 * num_outputs * len(encoded.input_ids.values)
    chosen = np.arange(encoded.num_inputs)
    if num_looks > MOST_LOOKS:
        most = max(1, len(chosen) * MOST_LOOKS // num_looks)
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, size=most, replace=False))
    rows = encoded.input_ids.take(chosen)
    targets = task.collate_targets([encoded.targets[i] for i in chosen.tolist()], 0).numpy()
    evidence = _vocabulary(rows, num_outputs, pad_token_id)
    if evidence is None:
        return None
    table = _table(evidence, rows, pad_token_id)
    for label in range(num_outputs):
        if on_label is not None:
            on_label(label)
        is_label = targets == label if targets.ndim == 1 else targets[:, label] > 0.5
        weight, bias = _regression(table, is_label, seed)
        evidence.weight[:, label] = torch.from_numpy(weight)
        evidence.bias[label] = bias
    return evidence


def tfidf_logits(evidence: TfidfHead, encoded: Encoded, *, pad_token_id: int) -> np.ndarray:
    """Logits of the TF-IDF classifier, float32 ``(num_inputs, num_outputs)``; ``evidence`` must be on the CPU."""
    said = np.zeros((encoded.num_inputs, len(evidence.bias)), dtype=np.float32)
    with torch.inference_mode():
        for positions in _batches(encoded.input_ids):
            said[positions] = evidence(*pad([encoded.input_ids[i] for i in positions], pad_token_id).inputs).numpy()
    return said


def _vocabulary(rows: RaggedRows, num_outputs: int, pad_token_id: int) -> TfidfHead | None:
    """The vocabulary with its inverse document frequencies; its weights are not trained yet."""
    found = []
    for positions in _batches(rows):
        keys, counts = keys_and_counts(*pad([rows[i] for i in positions], pad_token_id).inputs)
        found.append(torch.unique(keys[counts > 0], return_counts=True))
    keys, inverse = torch.unique(torch.cat([keys for keys, _ in found]), return_inverse=True)
    num_texts = torch.zeros(len(keys), dtype=torch.int64).index_add_(0, inverse, torch.cat([counts for _, counts in found]))
    most = MOST_WEIGHTS // num_outputs
    fewest = max(FEWEST_TEXTS, 1 + int(num_texts.sort(descending=True).values[most]) if len(keys) > most else 0)
    is_kept = num_texts >= fewest
    if not is_kept.any():
        return None
    evidence = TfidfHead(int(is_kept.sum()), num_outputs)
    evidence.keys.copy_(keys[is_kept])
    # Smoothed as in scikit-learn's TfidfTransformer: as if one more text had every feature.
    evidence.rarity.copy_(((1 + len(rows)) / (1 + num_texts[is_kept])).log() + 1)
    return evidence


def _table(evidence: TfidfHead, rows: RaggedRows, pad_token_id: int) -> sparse.csr_matrix:
    """TF-IDF value of each feature in each text, ``(num_texts, num_features)``."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for positions in _batches(rows):
        places, values = evidence.features(*pad([rows[i] for i in positions], pad_token_id).inputs)
        row, column = torch.nonzero(values, as_tuple=True)
        text = np.asarray(positions, dtype=np.int32)[row.numpy()]
        parts.append((text, places[row, column].numpy().astype(np.int32), values[row, column].numpy()))
    text, feature, count = (np.concatenate(each) for each in zip(*parts, strict=True))
    return sparse.csr_matrix((count, (text, feature)), shape=(len(rows), evidence.num_features))


def _regression(table: sparse.csr_matrix, is_label: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Weights and bias of a logistic regression for one label."""
    # Imported here, because they take half a second to load, which would delay the start of every run.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    num_yes = int(is_label.sum())
    if num_yes in {0, len(is_label)}:  # all examples have the label, or none: there is nothing to separate
        return np.zeros(table.shape[1]), float(np.log((num_yes + 0.5) / (len(is_label) - num_yes + 0.5)))
    model = LogisticRegression(C=REGULARISATION, solver="liblinear", dual=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a nearly converged solution is as good
        model.fit(table, is_label)
    return model.coef_[0], float(model.intercept_[0])


def _batches(rows: RaggedRows) -> list[list[int]]:
    return evaluation_batches(rows.lengths, BATCH_SIZE)
