"""Strata as a table of yes and no, which is easier to read in a test than pairs."""

import numpy as np

from core.tasks.label_matrix import LabelMatrix


def pairs_of(table: np.ndarray) -> LabelMatrix:
    """The strata of examples with the labels of a table, bool, ``(num_examples, num_labels)``."""
    rows, labels = np.nonzero(table)
    return LabelMatrix(rows=rows, labels=labels, num_rows=table.shape[0], num_labels=table.shape[1])


def table_of(strata: LabelMatrix) -> np.ndarray:
    """Which label each example has, bool, ``(num_examples, num_labels)``."""
    table = np.zeros((strata.num_rows, strata.num_labels), dtype=bool)
    table[strata.rows, strata.labels] = True
    return table
