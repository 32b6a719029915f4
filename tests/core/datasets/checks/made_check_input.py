"""Inputs for the checks, created from short rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding
from core.datasets.columns.token_classification import join
from core.tasks import SPLITS, get_task

WORDS = [
    "carried", "measured", "painted", "forgot", "repaired", "visited", "planted", "borrowed", "copper", "morning",
    "window", "garden", "silver", "basket", "winter", "letter", "bridge", "market", "shoulder", "candle", "thunder",
    "pocket", "mirror", "ladder", "kitchen", "orange", "feather", "marble", "station", "blanket", "whistle", "lantern",
    "pepper", "cotton", "hammer", "planet", "saddle", "velvet", "bottle", "compass", "meadow", "pillow", "ribbon",
    "tunnel", "violin", "walnut",
]  # fmt: skip


def sentences(number: int, seed: int = 0, length: int = 12) -> list[str]:
    """Different sentences that have little in common."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, size=length)) for _ in range(number)]


def texts_with_labels(
    rows: Sequence[tuple[str, Any]], *, task: str = "single_label", splits: Sequence[str] | None = None, **known: Any
) -> CheckInput:
    """Input of (text, label) or (text, labels) rows; all in training unless splits are given."""
    column = "label" if task == "single_label" else "labels"
    examples = pd.DataFrame(
        {
            "id": np.arange(len(rows)) * 2,  # ids have gaps in versions
            "split": list(splits) if splits is not None else ["train"] * len(rows),
            "record": np.arange(1, len(rows) + 1),
            "text": pd.Series([text for text, _ in rows], dtype=object),
            column: pd.Series([label for _, label in rows], dtype=object),
        }
    )
    return CheckInput(task=get_task(task), examples=examples, **known)


def counted_labels(counts: Mapping[str, int], test: Mapping[str, int] | None = None) -> CheckInput:
    """Input with a number of rows for each label in training, and in test."""
    made = [
        (label, split)
        for split, of_split in (("train", counts), ("test", test or {}))
        for label, number in of_split.items()
        for _ in range(number)
    ]
    texts = sentences(len(made))
    return texts_with_labels(
        [(text, label) for text, (label, _) in zip(texts, made, strict=True)], splits=[split for _, split in made]
    )


def tagged(rows: Sequence[tuple[str, str]], **known: Any) -> CheckInput:
    """Input of sentences and their tags, words and tags separated by spaces."""
    made = []
    for number, (sentence, tags) in enumerate(rows):
        text, starts, ends = join(sentence.split(" "))
        made.append((number, SPLITS[0], number + 1, text, starts, ends, tags.split(" ")))
    columns = ["id", "split", "record", "text", "starts", "ends", "tags"]
    return CheckInput(task=get_task("token_classification"), examples=pd.DataFrame(made, columns=columns), **known)


def only(findings: Sequence[Finding], check: str) -> Finding:
    """The one finding of a check."""
    found = [finding for finding in findings if finding.check == check]
    assert len(found) == 1, [finding.check for finding in findings]
    return found[0]


def names(findings: Sequence[Finding]) -> list[str]:
    """Names of the checks with findings."""
    return [finding.check for finding in findings]


Check = Callable[[CheckInput], list[Finding]]
