"""Validation of the examples after splitting: what is refused, skipped or noted."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.errors import DatasetError
from core.tasks.base import SPLITS, Task
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.text_format import counted, quoted


def check_num_rows(parts: Sequence[pd.DataFrame], max_rows: int) -> None:
    """Refuse more rows than this workspace allows.

    Raises:
        DatasetError: states how many there are and what can be done.
    """
    num_rows = sum(len(part) for part in parts)
    if num_rows > max_rows:
        raise DatasetError(
            f"There are {num_rows:,} rows; at most {max_rows:,} are allowed. "
            "Import a part of the file, or raise TUNEBOARD_MAX_ROWS."
        )


def check_examples(
    examples: pd.DataFrame, labels: Sequence[str], num_examples: Mapping[str, int], task: Task, max_labels: int
) -> None:
    """Refuse examples that cannot be used for training.

    Args:
        examples: all splits.
        labels: those of training.
        num_examples: rows of each split.
        task: the task of the examples.
        max_labels: maximum number of labels.

    Raises:
        DatasetError: states why and what would help.
    """
    task.check_trainable(examples.loc[examples["split"] == "train", list(task.target_columns)])
    if len(labels) > max_labels:
        raise DatasetError(
            f"There are {len(labels):,} different labels; at most {max_labels:,} are allowed. The label column may contain "
            "ids or free text: choose another one, or raise TUNEBOARD_MAX_LABELS."
        )
    for name, number in num_examples.items():
        if not number:
            raise DatasetError(
                f"The {name} split has no examples: {counted(len(examples), 'usable row')} with "
                f"{counted(examples['text'].nunique(), 'different text')} cannot fill all three splits. "
                "Add examples, or change the split proportions."
            )


def without_unknown_labels(examples: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, list[tuple[str, SkippedRecord]]]:
    """Remove examples of validation and test whose labels do not occur in training; also returns (table, record) of the removed.

    Raises:
        DatasetError: a split has no example left.
    """
    answers = examples[["split", "record", "part", *task.target_columns]]  # without the texts, to avoid copying them
    known = set(task.label_names(answers[answers["split"] == "train"]))
    unknown: list[tuple[str, SkippedRecord]] = []
    dropped: list[int] = []
    for name in SPLITS[1:]:
        rows = answers[answers["split"] == name]
        found = _rows_with_other_labels(rows, known, task)
        if found and len(found) == len(rows):
            labels = sorted(set(task.label_names(rows)) - known)
            raise DatasetError(
                f"Every row of the {name} split has labels that do not occur in training ({quoted(labels, 5)}). "
                "Check that both files use the same label names."
            )
        for index in found:
            labels = sorted(set(task.label_names(examples.loc[[index]])) - known)
            record, part = rows["record"][index], rows["part"][index]
            entry = SkippedRecord(int(record), Reason.UNKNOWN_LABEL, f"No training example has the label {quoted(labels, 5)}.")
            unknown.append((str(part), entry))
        dropped += found
    return examples.drop(index=dropped) if dropped else examples, unknown


def _rows_with_other_labels(rows: pd.DataFrame, known: set[str], task: Task) -> list[int]:
    """Index of every row with a label outside ``known``, found by bisection, since such rows are few."""
    if rows.empty or set(task.label_names(rows)) <= known:
        return []
    if len(rows) == 1:
        return [int(rows.index[0])]
    half = len(rows) // 2
    return _rows_with_other_labels(rows.iloc[:half], known, task) + _rows_with_other_labels(rows.iloc[half:], known, task)
