"""Cleaning and checking of single cells, the same for every task."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from core.datasets.columns.column_reading import Role, Roles
from core.errors import DatasetError
from core.files.text_patterns import UNSTORABLE
from core.text_format import quoted, short


def require_columns(rows: pd.DataFrame, roles: Roles, declared: Sequence[Role]) -> None:
    """Refuse roles with columns that the table does not have, and missing required roles.

    Raises:
        DatasetError: names the column or role, and the columns of the table.
    """
    known = [str(name) for name in rows.columns]
    there = f"The file has {quoted(known)}." if known else "The file has no columns."
    for name in (name for names in roles.values() for name in names):
        if name not in known:
            raise DatasetError(f"There is no column {short(name)}. {there} Choose one of them.")
    for role in declared:
        chosen = roles.get(role.name, ())
        if role.required and not chosen:
            raise DatasetError(f"No column is selected for {role.title!r}. {there} Choose one of them.")
        if len(chosen) > 1 and not role.many:
            raise DatasetError(
                f"{len(chosen)} columns are selected for {role.title!r}; exactly one is expected. Choose one of {quoted(chosen)}."
            )


def column(rows: pd.DataFrame, name: str) -> list[str | None]:
    """The cells of a column as a list."""
    cells: list[str | None] = rows[name].tolist()
    return cells


def strip(cell: str | None) -> str | None:
    """A cell without leading and trailing white space; ``None`` if it is empty then."""
    return (cell.strip() or None) if cell is not None else None


def num_changed(before: Iterable[str | None], after: Iterable[str | None]) -> int:
    """How many non-empty cells were changed."""
    return sum(new is not None and old != new for old, new in zip(before, after, strict=True))


def parse_nested(cell: str) -> Any:
    """The list or mapping that a cell contains as JSON text, or ``None``."""
    if cell.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) and is_storable(cell, value) else None


def is_storable(cell: str, value: Any) -> bool:
    """Whether no text inside a nested value contains a NUL or a lone surrogate, which JSON escapes can introduce."""
    if "\\" not in cell:
        return True
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, str) and UNSTORABLE.search(inner):
            return False
        if isinstance(inner, dict):
            left += [*inner.keys(), *inner.values()]
        elif isinstance(inner, list | tuple | set):
            left += inner
    return True
