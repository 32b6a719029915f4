"""Output biases with which an untrained head predicts each label as often as it occurs.

Without them the first steps are spent on learning nothing but that some labels are rare.
Source: T.-Y. Lin et al., Focal loss for dense object detection, 2017, section 3.3 (the same prior, for one label).
"""

import numpy as np


def log_frequencies(counts: np.ndarray) -> np.ndarray:
    """For a softmax over all outputs: the log of each one's share, as if each had been seen once more.

    Args:
        counts: how often each output is the right one, ``(num_outputs,)``.
    """
    smoothed = np.asarray(counts, dtype=float) + 1.0
    return np.asarray(np.log(smoothed / smoothed.sum()))


def log_odds(counts: np.ndarray, num_examples: int) -> np.ndarray:
    """For independent yes-or-no outputs: the log-odds of each, as if each answer had been seen once more.

    Args:
        counts: how often each output is yes, ``(num_outputs,)``.
        num_examples: how often each was asked.
    """
    counts = np.asarray(counts, dtype=float)
    return np.asarray(np.log((counts + 1.0) / (num_examples - counts + 1.0)))
