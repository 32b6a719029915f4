"""Rows that do not become examples: unlabelled texts, which are kept as a pool, and texts that are too long."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from core.datasets.columns.column_reading import ReadExamples, Roles
from core.datasets.columns.token_lists import items
from core.datasets.table import Table
from core.tasks.skip_reasons import Reason, SkippedRecord


def unlabelled_rows(table: Table, roles: Roles, set_aside: Sequence[SkippedRecord]) -> pd.DataFrame:
    """The unlabelled texts of one table.

    Args:
        table: as it was read.
        roles: which columns contain texts (or words) and labels.
        set_aside: the skipped records.

    Returns:
        ``record`` and ``text`` of every record that was skipped only because it has no label.
    """
    texts = roles.get("text") or roles.get("tokens")
    records = [entry.record for entry in set_aside if entry.kind is Reason.NO_LABEL]
    if not texts or not records:
        return pd.DataFrame({"record": pd.Series(dtype="int64"), "text": pd.Series(dtype=object)})
    cells = table.rows.loc[table.rows.index.isin(records), texts[0]]
    found = cells.map(lambda cell: _text(cell, as_words="text" not in roles))
    return pd.DataFrame({"record": found.index.astype("int64"), "text": found.to_numpy(dtype=object)})


def _text(cell: str, *, as_words: bool) -> str:
    return " ".join(items(cell) or ()) if as_words else cell.strip()


def without_long_texts(read: ReadExamples, unlabelled: pd.DataFrame, max_characters: int) -> tuple[ReadExamples, pd.DataFrame]:
    """The same without texts that are too long, which are skipped instead.

    Args:
        read: the examples read from a table.
        unlabelled: the unlabelled texts of that table, ``record`` and ``text``; their records are among the skipped ones.
        max_characters: maximum length of a text.
    """
    examples = read.examples
    in_examples = examples["text"].str.len() > max_characters
    in_pool = unlabelled["text"].str.len() > max_characters
    if not in_examples.any() and not in_pool.any():
        return read, unlabelled
    too_long = pd.concat([examples.loc[in_examples, ["record", "text"]], unlabelled[in_pool]])
    entries = [
        SkippedRecord(int(record), Reason.TEXT_TOO_LONG, _too_long(len(text), max_characters))
        for record, text in too_long.itertuples(index=False)
    ]
    from_pool = set(unlabelled.loc[in_pool, "record"])
    others = [entry for entry in read.set_aside if entry.record not in from_pool]
    kept = examples[~in_examples].reset_index(drop=True)
    return replace(read, examples=kept, set_aside=[*others, *entries]), unlabelled[~in_pool].reset_index(drop=True)


def _too_long(found: int, most: int) -> str:
    return (
        f"The text has {found:,} characters; at most {most:,} are allowed. "
        "Shorten or split it, or raise TUNEBOARD_MAX_TEXT_CHARACTERS."
    )
