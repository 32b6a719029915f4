"""Rows that have a text but no answer: set aside at import, and kept as a pool for Predict and for labelling."""

from collections.abc import Collection

import pandas as pd

from core.datasets.table import Table
from core.tasks.base import Roles
from core.tasks.columns.token_lists import items

_ANSWERS = ("label", "labels", "spans", "tags")
"""Roles whose columns hold what is to be learned, over all tasks."""


def unlabelled_rows(table: Table, roles: Roles, set_aside: Collection[int]) -> pd.DataFrame:
    """The pool of one table.

    Args:
        table: as it was read.
        roles: which columns hold texts (or words) and answers.
        set_aside: numbers of the records that cannot be used.

    Returns:
        ``record`` and ``text`` of every record set aside that has a text and nothing in any column of answers.
    """
    answers = [name for role in _ANSWERS for name in roles.get(role, ())]
    texts = roles.get("text") or roles.get("tokens")
    if not texts or not answers or "sentence" in roles or not set_aside:
        return pd.DataFrame({"record": pd.Series(dtype="int64"), "text": pd.Series(dtype=object)})
    rows = table.rows.loc[table.rows.index.isin(list(set_aside)), [texts[0], *answers]]
    blank = pd.Series(True, index=rows.index)
    for name in answers:
        blank &= rows[name].map(lambda cell: cell is None or not cell.strip())
    read = rows.loc[blank, texts[0]].map(lambda cell: _text(cell, as_words="text" not in roles))
    found = read[read.map(bool)]
    return pd.DataFrame({"record": found.index.astype("int64"), "text": found.to_numpy(dtype=object)})


def _text(cell: str | None, *, as_words: bool) -> str:
    if cell is None or not cell.strip():
        return ""
    return " ".join(items(cell) or ()) if as_words else cell.strip()
