"""How single cells are cleaned and checked, the same way for every task."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from core.datasets.columns.column_reading import Role, Roles
from core.errors import DatasetError
from core.files.text_patterns import UNSTORABLE
from core.text_format import quoted, short


def require_columns(rows: pd.DataFrame, roles: Roles, declared: Sequence[Role]) -> None:
    """Refuse roles that name columns the table has not, or leave out what the task needs.

    Raises:
        DatasetError: names the column or role, and the columns there are.
    """
    known = [str(name) for name in rows.columns]
    there = f"The file has {quoted(known)}." if known else "The file has no columns."
    for name in (name for names in roles.values() for name in names):
        if name not in known:
            raise DatasetError(f"There is no column {short(name)}. {there} Choose one of them.")
    for role in declared:
        chosen = roles.get(role.name, ())
        if role.required and not chosen:
            raise DatasetError(f"No column is chosen for {role.title!r}. {there} Choose one of them.")
        if len(chosen) > 1 and not role.many:
            raise DatasetError(
                f"{len(chosen)} columns are chosen for {role.title!r}; it takes one. Choose one of {quoted(chosen)}."
            )


def column(rows: pd.DataFrame, name: str) -> list[str | None]:
    """The cells of a column as a list."""
    cells: list[str | None] = rows[name].tolist()
    return cells


def strip(cell: str | None) -> str | None:
    """A cell without white space at its edges; ``None`` where nothing else was in it."""
    return (cell.strip() or None) if cell is not None else None


def num_changed(before: Iterable[str | None], after: Iterable[str | None]) -> int:
    """How many cells that still hold something became different."""
    return sum(new is not None and old != new for old, new in zip(before, after, strict=True))


def parse_nested(cell: str) -> Any:
    """The list or mapping that a cell holds as JSON text, or ``None`` where it holds none."""
    if cell.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) and is_storable(cell, value) else None


def is_storable(cell: str, value: Any) -> bool:
    """Whether no text inside a nested value holds a NUL or half a character, which only an escape in its cell can smuggle in."""
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
