"""Rows that have a text but no answer: set aside at import, and kept as a pool for Predict and for labelling."""

from collections.abc import Sequence

import pandas as pd

from core.datasets.columns.column_reading import Roles
from core.datasets.columns.token_lists import items
from core.datasets.table import Table
from core.tasks.skip_reasons import Reason, SetAside


def unlabelled_rows(table: Table, roles: Roles, set_aside: Sequence[SetAside]) -> pd.DataFrame:
    """The pool of one table.

    Args:
        table: as it was read.
        roles: which columns hold texts (or words) and answers.
        set_aside: the records that cannot be used.

    Returns:
        ``record`` and ``text`` of every record set aside for nothing but the want of an answer.
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
