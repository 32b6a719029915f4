"""The targets of examples in any form: one label, several labels, or word tags. Other repair modules do not distinguish them."""

from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd

from core.datasets.row_diff import plain
from core.tasks.tag_schemes import OUTSIDE

Rename = Callable[[str], str | None]
"""Old name of a label -> its new name, or ``None`` to remove it."""


def relabelled(examples: pd.DataFrame, rename: Rename) -> pd.DataFrame:
    """The rows with renamed or removed labels; unchanged cells stay the same objects.

    A single-label row whose label is removed gets ``None``; the caller must delete it.
    """
    examples = examples.copy()
    if "label" in examples:
        renamed = {label: rename(label) for label in examples["label"].unique()}
        cells = [renamed[label] for label in examples["label"]]
        examples["label"] = pd.Series(cells, index=examples.index, dtype=object)
    elif "labels" in examples:
        examples["labels"] = _each(examples["labels"], lambda labels: _renamed_labels(labels, rename))
    else:
        examples["tags"] = _each(examples["tags"], lambda tags: _renamed_tags(tags, rename))
    return examples


def answer_keys(examples: pd.DataFrame) -> list[Hashable]:
    """A key for each row; rows with equal targets have the same key."""
    if "label" in examples:
        return examples["label"].tolist()
    if "labels" in examples:
        return [tuple(sorted(set(labels))) for labels in examples["labels"]]
    return [
        (tuple(tags), tuple(starts), tuple(ends))
        for tags, starts, ends in zip(examples["tags"], examples["starts"], examples["ends"], strict=True)
    ]


def answers_in_words(examples: pd.DataFrame) -> list[str]:
    """Each row's target as one line of text: the label, labels separated by vertical bars, or entities with their types."""
    if "label" in examples:
        return examples["label"].map(str).tolist()
    if "labels" in examples:
        return [" | ".join(labels) for labels in examples["labels"]]
    return [
        "; ".join(f"{row_text[starts[first] : ends[last]]} ({kind})" for first, last, kind in entities(tags))
        for row_text, starts, ends, tags in zip(
            examples["text"], examples["starts"], examples["ends"], examples["tags"], strict=True
        )
    ]


def entities(tags: Any) -> list[tuple[int, int, str]]:
    """First word, last word and type of every entity of a tag sequence."""
    found: list[tuple[int, int, str]] = []
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        kind = tag[2:]
        if tag.startswith("I-") and found and found[-1][1] == place - 1 and found[-1][2] == kind:
            found[-1] = (found[-1][0], place, kind)
        else:
            found.append((place, place, kind))
    return found


def tags_of(found: list[tuple[int, int, str]], num_words: int) -> list[str]:
    """The IOB2 tags of entities; see ``entities``."""
    tags = [OUTSIDE] * num_words
    for first, last, kind in found:
        tags[first : last + 1] = [f"B-{kind}", *[f"I-{kind}"] * (last - first)]
    return tags


def _each(column: pd.Series, change: Callable[[list[str]], list[str]]) -> pd.Series:
    """Apply a change to every cell; unchanged cells stay the same objects."""
    cells = []
    for cell in column:
        old = plain(cell)
        new = change(old)
        cells.append(cell if new == old else new)
    return pd.Series(cells, index=column.index, dtype=object)


def _renamed_labels(labels: list[str], rename: Rename) -> list[str]:
    renamed = [rename(label) for label in labels]
    if renamed == labels:
        return labels
    return sorted({label for label in renamed if label is not None})


def _renamed_tags(tags: list[str], rename: Rename) -> list[str]:
    kept = [(first, last, rename(kind)) for first, last, kind in entities(tags)]
    return tags_of([(first, last, kind) for first, last, kind in kept if kind is not None], len(tags))
