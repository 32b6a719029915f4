"""Several labels in one cell: a JSON list, a Python list, or names with a separator."""

import ast
from collections import Counter
from collections.abc import Iterable
from typing import Any

from core.datasets.columns.cells import is_storable, parse_nested
from core.files.text_patterns import QUOTATION_OR_BRACKET, QUOTED

SEPARATORS = ("|", ";", ",", "；", "，", "、", "\n")
"""The characters that are least common inside names come first."""

TRUE_WORDS = frozenset({"1", "1.0", "true", "yes", "y", "t"})
FALSE_WORDS = frozenset({"0", "0.0", "false", "no", "n", "f"})
MARK_WORDS = frozenset({"x", "✓", "✔", "√"})
"""What people type into a sheet to check a box; an empty cell then means no."""

_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_LONGEST_LITERAL = 100_000


def looks_like_list(cell: str) -> bool:
    """Whether a cell is written as a list, tuple, set or mapping."""
    cell = cell.strip()
    return len(cell) > 1 and _BRACKETS.get(cell[0]) == cell[-1]


def parse_list(cell: str) -> list[str] | None:
    """The labels in a cell written as a list, or ``None`` if it contains something else, such as nested lists.

    JSON and Python notation are read; so are lists as NumPy prints them (``['a' 'b']``), which Python itself would silently join
    to one name, and names without quotation marks (``[a, b]``). A mapping such as ``{"a": 1, "b": 0}`` gives the names whose
    value is true.
    """
    value = parse_value(cell)
    if isinstance(value, dict):
        value = [name for name, given in value.items() if word_of(given) in TRUE_WORDS]
    if not isinstance(value, list):
        return None
    names = [word_of(item) for item in value if item is not None]
    return None if any(name is None for name in names) else [name.strip() for name in names if name and name.strip()]


def parse_value(cell: str) -> Any:
    """The list or mapping in a cell in JSON or Python notation, or ``None``."""
    value = parse_nested(cell)
    if value is None:
        value = _parse_python(cell.strip())
    return value if is_storable(cell, value) else None


def word_of(value: Any) -> str | None:
    """A scalar as text; ``None`` for lists, mappings and null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def find_separator(cells: Iterable[str]) -> str | None:
    """The separator between names: the least common character inside names that occurs in many cells, or ``None``."""
    found: Counter[str] = Counter()
    for cell in cells:
        found.update(separator for separator in SEPARATORS if separator in cell)
    often = max(found.values(), default=0) / 4
    return next((separator for separator in SEPARATORS if found[separator] and found[separator] >= often), None)


def split_names(cell: str, separator: str | None) -> list[str]:
    """The names between separators, stripped; empty ones are dropped."""
    parts = cell.split(separator) if separator is not None else [cell]
    return [part.strip() for part in parts if part.strip()]


def is_combined(cells: Iterable[str]) -> bool:
    """Whether a column combines names with a separator: the parts also occur in other combinations.

    So ``Drama|Comedy`` with ``Comedy`` and ``Drama|War`` in other rows counts; ``Bed, bath`` as a category of its own does not.
    """
    distinct = {cell.strip() for cell in cells if cell.strip()}
    separator = find_separator(distinct)
    if separator is None:
        return False
    parts = {cell: set(split_names(cell, separator)) for cell in distinct}
    uses = Counter(part for names in parts.values() for part in names)
    combined = [names for names in parts.values() if len(names) > 1]
    reused = sum(all(uses[name] > 1 for name in names) for names in combined)
    return len(combined) > 0 and reused >= 0.5 * len(combined)


def _parse_python(cell: str) -> Any:
    if not looks_like_list(cell) or len(cell) > _LONGEST_LITERAL:
        return None
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return _parse_loose(cell)
    if isinstance(value, dict):
        return value
    names = list(value) if isinstance(value, list | tuple | set) else [value]
    strings = QUOTED.findall(cell)
    if not isinstance(value, set) and all(isinstance(name, str) for name in names) and len(strings) > len(names):
        try:
            return [ast.literal_eval(string) for string in strings]
        except (ValueError, SyntaxError):  # quotes in a comment within the list
            return names
    return sorted(names, key=str) if isinstance(value, set) else names


def _parse_loose(cell: str) -> Any:
    """Unquoted names between brackets; ``None`` for anything with quotes or nested brackets."""
    inner = cell[1:-1]
    if QUOTATION_OR_BRACKET.search(inner):
        return None
    return split_names(inner, ",") if "," in inner else [inner.strip()]
