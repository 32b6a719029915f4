"""Tables of named entities as the readers return them, and the examples read from them."""

import json
from typing import Any

import pandas as pd

from core.datasets.columns import token_classification
from core.datasets.columns.column_reading import ReadExamples

TEXT = "Anna Berg flew to São Paulo."
SPANS = [[0, 9, "PER"], [18, 27, "LOC"]]
FOUND = [("Anna Berg", "PER"), ("São Paulo", "LOC")]


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table as the readers return it: nested values as JSON text."""
    columns = list({name: None for row in rows for name in row})
    cells = [
        [
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in map(row.get, columns)
        ]
        for row in rows
    ]
    return pd.DataFrame(cells, columns=columns, index=pd.RangeIndex(1, len(rows) + 1), dtype=object)


def read(*rows: dict[str, Any], **roles: str) -> ReadExamples:
    """Read rows with the given or guessed roles."""
    table = frame(list(rows))
    chosen = {role: (name,) for role, name in roles.items()} or token_classification.guess_roles(table)
    return token_classification.read(table, chosen)


def entities(result: ReadExamples) -> list[list[tuple[str, str]]]:
    """Text and type of every entity of every example."""
    found = []
    for example in result.examples.itertuples():
        spans: list[list[Any]] = []
        for start, end, tag in zip(example.starts, example.ends, example.tags, strict=True):
            if tag.startswith("B-"):
                spans.append([start, end, tag[2:]])
            elif tag.startswith("I-"):
                spans[-1][1] = end
        found.append([(example.text[start:end], kind) for start, end, kind in spans])
    return found
