"""Texts longer than a data set takes: their records are set aside, and the rest of the file is taken."""

from dataclasses import replace

import pandas as pd

from core.datasets.columns.column_reading import ReadExamples
from core.tasks.skip_reasons import Reason, SetAside


def without_long_texts(read: ReadExamples, unlabelled: pd.DataFrame, max_characters: int) -> tuple[ReadExamples, pd.DataFrame]:
    """The same without texts that are too long, which are set aside instead.

    Args:
        read: what a task made of a table.
        unlabelled: the pool of that table, ``record`` and ``text``; its records are among those set aside for want of a label.
        max_characters: longest text that is taken.
    """
    examples = read.examples
    in_examples = examples["text"].str.len() > max_characters
    in_pool = unlabelled["text"].str.len() > max_characters
    if not in_examples.any() and not in_pool.any():
        return read, unlabelled
    too_long = pd.concat([examples.loc[in_examples, ["record", "text"]], unlabelled[in_pool]])
    entries = [
        SetAside(int(record), Reason.TEXT_TOO_LONG, _too_long(len(text), max_characters))
        for record, text in too_long.itertuples(index=False)
    ]
    from_pool = set(unlabelled.loc[in_pool, "record"])
    others = [entry for entry in read.set_aside if entry.record not in from_pool]
    kept = examples[~in_examples].reset_index(drop=True)
    return replace(read, examples=kept, set_aside=[*others, *entries]), unlabelled[~in_pool].reset_index(drop=True)


def _too_long(found: int, most: int) -> str:
    return (
        f"The text has {found:,} characters; at most {most:,} are taken. "
        "Shorten or divide it, or raise TUNEBOARD_MAX_TEXT_CHARACTERS."
    )
