"""What is refused, set aside or remarked upon once every example has its split."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from core.errors import DatasetError
from core.tasks.base import SPLITS, SetAside, Task
from core.tasks.columns.cells import counted, quoted


def check_sizes(parts: Sequence[pd.DataFrame], max_rows: int, max_text_characters: int) -> None:
    """Refuse more rows, or a longer text, than this workspace takes.

    Raises:
        DatasetError: names the first text that is too long, or the number of rows.
    """
    num_rows = sum(len(part) for part in parts)
    if num_rows > max_rows:
        raise DatasetError(
            f"There are {num_rows:,} rows; at most {max_rows:,} are taken. "
            "Import a part of the file, or raise TUNEBOARD_MAX_ROWS."
        )
    for part in parts:
        too_long = part.loc[part["text"].str.len() > max_text_characters]
        if len(too_long):
            first = too_long.iloc[0]
            raise DatasetError(
                f"{counted(len(too_long), 'text')} longer than {max_text_characters:,} characters, the most that is taken; "
                f"that of record {first['record']} has {len(first['text']):,}. Check that the right column is read as text, "
                "shorten the texts, or raise TUNEBOARD_MAX_TEXT_CHARACTERS."
            )


def check_examples(
    examples: pd.DataFrame, labels: Sequence[str], num_examples: Mapping[str, int], task: Task, max_labels: int
) -> None:
    """Refuse what cannot be trained on.

    Args:
        examples: all splits.
        labels: those of training.
        num_examples: rows of each split.
        task: whose examples they are.
        max_labels: most labels a data set may have.

    Raises:
        DatasetError: says why and what would help.
    """
    task.check_trainable(examples[examples["split"] == "train"])
    if len(labels) > max_labels:
        raise DatasetError(
            f"There are {len(labels):,} different labels; at most {max_labels:,} are allowed. The label column may hold ids or "
            "free text: choose another one, or raise TUNEBOARD_MAX_LABELS."
        )
    for name, number in num_examples.items():
        if not number:
            raise DatasetError(
                f"The {name} split has no examples: {counted(len(examples), 'usable row')} with "
                f"{counted(examples['text'].nunique(), 'different text')} cannot fill all three splits. "
                "Add examples, or give the splits other shares."
            )


def without_unknown_labels(examples: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, list[tuple[str, SetAside]]]:
    """Examples without those of validation and test whose labels training never saw, and (table, record) of the latter.

    Raises:
        DatasetError: a split has no example left.
    """
    known = set(task.label_names(examples[examples["split"] == "train"]))
    unknown: list[tuple[str, SetAside]] = []
    dropped: list[int] = []
    for name in SPLITS[1:]:
        rows = examples[examples["split"] == name]
        found = _rows_with_other_labels(rows, known, task)
        if found and len(found) == len(rows):
            labels = sorted(set(task.label_names(rows)) - known)
            raise DatasetError(
                f"Every row of the {name} split has labels that training never saw ({quoted(labels, 5)}). "
                "Check that both files use the same label names."
            )
        for index in found:
            labels = sorted(set(task.label_names(examples.loc[[index]])) - known)
            record, part = rows["record"][index], rows["part"][index]
            entry = SetAside(int(record), f"No training example has the label {quoted(labels, 5)}.")
            unknown.append((str(part), entry))
        dropped += found
    return examples.drop(index=dropped), unknown


def _rows_with_other_labels(rows: pd.DataFrame, known: set[str], task: Task) -> list[int]:
    """Index of every row with a label outside ``known``, found by halving, since such rows are few."""
    if rows.empty or set(task.label_names(rows)) <= known:
        return []
    if len(rows) == 1:
        return [int(rows.index[0])]
    half = len(rows) // 2
    return _rows_with_other_labels(rows.iloc[:half], known, task) + _rows_with_other_labels(rows.iloc[half:], known, task)


def label_notes(label_counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    total: Counter[str] = Counter()
    for counts in label_counts.values():
        total.update(counts)
    single = sorted(label for label, number in total.items() if number == 1)
    untested = sorted(label for label in total if label not in label_counts["test"] and total[label] > 1)
    notes = []
    if single:
        notes.append(
            f"{counted(len(single), 'label')} with a single example: {quoted(single, 5)}. Kept in training, but nothing is left "
            "to evaluate it."
        )
    if untested:
        notes.append(
            f"{counted(len(untested), 'label')} without an example in test: {quoted(untested, 5)}. Test says nothing of them."
        )
    return notes


def duplicate_notes(examples: pd.DataFrame, task: Task) -> list[str]:
    """Texts that occur more than once: with different targets, or in training as well as in validation or test."""
    doubled = examples[examples.duplicated("text", keep=False)]
    if doubled.empty:
        return []
    notes = [f"{counted(int(doubled.duplicated('text').sum()), 'row')} with the same text as an earlier row."]
    targets = doubled[list(task.target_columns)].itertuples(index=False)
    answers = doubled.assign(target=[repr(tuple(target)) for target in targets]).groupby("text")["target"].nunique()
    if conflicting := int((answers > 1).sum()):
        notes.append(f"{counted(conflicting, 'text')} with different labels in different rows; the model is told both.")
    train = set(doubled.loc[doubled["split"] == "train", "text"])
    for name in SPLITS[1:]:
        leaked = int(doubled.loc[doubled["split"] == name, "text"].isin(train).sum())
        if leaked:
            notes += [f"{counted(leaked, 'row')} of {name} with a text that is also in training, which flatters the scores."]
    return notes
