"""Records that are not in a data set: where each stands in its file, why it was set aside, and what it holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from core.datasets.skipped import shortened
from core.datasets.table import Table
from core.tasks.reasons import SetAside

COLUMNS = ("part", "file", "record", "line", "kind", "reason", "content")


@dataclass(frozen=True)
class RecordSetAside(SetAside):
    """A record that is not in the data set, and where it stands.

    Attributes:
        part: ``main``, ``validation`` or ``test``: the table it was read from.
        file_name: of that table, for display.
        line: line of the file (row of the sheet) where it begins, for formats that have lines.
    """

    part: str = "main"
    file_name: str = ""
    line: int | None = None


def with_contents(entries: Sequence[RecordSetAside], tables: Mapping[str, Table]) -> list[RecordSetAside]:
    """The entries, with the cells of those that did become a row of their table, as JSON by column; very long cells shortened."""
    contents: dict[tuple[str, int], str] = {}
    for part, table in tables.items():
        records = pd.Index([entry.record for entry in entries if entry.part == part and entry.content is None])
        rows = table.rows.loc[records.intersection(table.rows.index)]
        names = [str(name) for name in rows.columns]
        for record, *cells in rows.itertuples(name=None):
            filled = {name: shortened(cell) for name, cell in zip(names, cells, strict=True) if isinstance(cell, str)}
            contents[part, record] = json.dumps(filled, ensure_ascii=False)
    return [
        entry if entry.content is not None else replace(entry, content=contents.get((entry.part, entry.record)))
        for entry in entries
    ]


def set_aside_rows(entries: Sequence[RecordSetAside]) -> pd.DataFrame:
    """A row for each record set aside, with ``COLUMNS``; ``line`` may be missing."""
    rows = [(one.part, one.file_name, one.record, one.line, str(one.kind), one.reason, one.content or "") for one in entries]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["line"] = table["line"].astype("Int64")
    return table
