"""How an uploaded file is read: what was detected, the alternatives, and the user's choice."""

from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.readers.previews import delimiter_alternatives, encoding_alternatives, missing_candidates
from core.datasets.readers.text.encodings import ENCODINGS, encoding_title
from core.datasets.table import Table
from core.errors import UserError
from dashboard.data.importing import uploads
from dashboard.shared import formats
from dashboard.shared.escaping import markdown_text

_DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Pipe"}
_TITLES = {
    "csv": "CSV",
    "jsonl": "JSON Lines",
    "json": "JSON",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "excel": "workbook",
    "conll": "CoNLL",
    "folders": "folders of texts",
}
_ROWS_SHOWN = 6
_COLUMN_WIDTH = 140
"""Pixels, so that more than one column is visible."""
_OPTIONS = {"encoding": "import-encoding", "delimiter": "import-delimiter", "sheet": "import-sheet", "missing": "import-missing"}


def reading_options(*, of_further_files: bool = False) -> dict[str, Any]:
    """The user's choices so far, as options of ``uploads.read``.

    Args:
        of_further_files: for the validation or test file, which need not have the main file's sheets.
    """
    chosen = {name: st.session_state[key] for name, key in _OPTIONS.items() if st.session_state.get(key)}
    if of_further_files:
        chosen.pop("sheet", None)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()}


def draw_reading(upload: uploads.Upload, table: Table | None) -> None:
    """How the file was read, and choices to correct a wrong guess.

    Args:
        upload: the file.
        table: the table it was read as; None if reading failed.
    """
    doubtful = table is None or table.reading.get("encoding_certain") is False
    title = f"Read as {_in_words(table)}" if table is not None else "How to read the file"
    with st.expander(title, expanded=doubtful, icon=":material/description:"):
        kind = table.format if table is not None else "csv"
        if table is not None:
            st.caption("First rows with these settings")
            rows = table.rows.head(_ROWS_SHOWN).astype(object)
            st.dataframe(
                rows,
                height="content",
                hide_index=True,
                key="import-first-rows",
                column_config={str(name): st.column_config.TextColumn(width=_COLUMN_WIDTH) for name in rows.columns},
                alt="First rows of the file as they are read",
            )
        _draw_parts(table)
        if kind not in {"parquet", "arrow", "excel"}:
            in_archive = table is not None and "archive" in table.reading
            beginning = b"" if in_archive else uploads.beginning(upload)
            _draw_encoding(beginning)
            if kind == "csv":
                _draw_delimiter(beginning, table)
        if table is not None:
            _draw_missing(table)


def _draw_parts(table: Table | None) -> None:
    """Sheets of a workbook, or tables of an archive."""
    reading = table.reading if table is not None else {}
    parts, label = [str(name) for name in reading.get("sheets") or []], "Sheet"
    if not parts:
        parts, label = [str(name) for name in reading.get("members") or []], "File in the archive"
    if len(parts) > 1 or st.session_state.get("import-sheet"):
        chosen = st.session_state.get("import-sheet")
        options = [None, *parts] if chosen in (None, *parts) else [None, chosen, *parts]
        found = reading.get("sheet") or reading.get("member")
        st.selectbox(
            label,
            options,
            format_func=lambda name: name or (f"Auto-detected: {found}" if found else "First"),
            key="import-sheet",
        )


def _draw_encoding(beginning: bytes) -> None:
    st.selectbox(
        "Encoding",
        [None, *ENCODINGS],
        format_func=lambda name: encoding_title(name) if name else "Auto-detected",
        key="import-encoding",
    )
    others = encoding_alternatives(beginning)
    if len(others) > 1:
        with st.popover("Compare encodings", icon=":material/translate:", type="tertiary"):
            st.dataframe(
                pd.DataFrame([(one.title, one.excerpt) for one in others], columns=["Encoding", "Text"]),
                hide_index=True,
                key="import-encodings",
                column_config={
                    "Encoding": st.column_config.TextColumn(width=190),
                    "Text": st.column_config.TextColumn("First non-ASCII characters", width=200),
                },
                alt="The same bytes in each possible encoding",
            )
            st.caption("Most likely first. Encodings in which these bytes are invalid are left out.")


def _draw_delimiter(beginning: bytes, table: Table | None) -> None:
    known = set(_DELIMITERS)
    chosen = st.session_state.get("import-delimiter")
    would_be: dict[str, str] = {}
    encoding = st.session_state.get("import-encoding") or (table.reading.get("encoding") if table is not None else "utf-8")
    try:
        for one in delimiter_alternatives(beginning, str(encoding)) if beginning else []:
            columns = formats.plural(one.num_columns, "column")
            would_be[one.delimiter] = columns if one.num_columns == 1 else f"{columns}, {one.fitting:.0%} of rows fit"
    except UserError:
        pass

    def titled(mark: str | None) -> str:
        if mark is None:
            return "Auto-detected"
        name = _DELIMITERS.get(mark, f"Character {mark!r}")
        return f"{name} ({would_be[mark]})" if mark in would_be else name

    options = [None, *_DELIMITERS, *({chosen} - known - {None})]
    st.selectbox(
        "Delimiter",
        options,
        format_func=titled,
        key="import-delimiter",
        accept_new_options=True,
        help="You can also type another character.",
    )


def _draw_missing(table: Table) -> None:
    chosen = list(st.session_state.get("import-missing") or [])
    found = missing_candidates(table)
    options = list(dict.fromkeys([*chosen, *found]))
    st.multiselect(
        "Missing-value markers",
        options,
        format_func=lambda word: f"{word} ({formats.count(found[word])})" if word in found else word,
        key="import-missing",
        accept_new_options=True,
        placeholder="None: every word is read as text",
        help="Cells with one of these words count as empty. Without a choice here, words such as NA or null are ordinary text.",
    )


def _in_words(table: Table) -> str:
    delimiter = table.reading.get("delimiter")
    encoding = table.reading.get("encoding")
    parts = [
        _TITLES.get(table.format, table.format),
        f"in a {table.reading['archive']} archive" if "archive" in table.reading else "",
        f"sheet {table.reading['sheet']!r}" if len(table.reading.get("sheets") or []) > 1 else "",
        encoding_title(str(encoding)) if encoding else "",
        _DELIMITERS.get(str(delimiter), str(delimiter)).lower() if delimiter else "",
        formats.plural(table.num_records, "record"),
    ]
    return markdown_text(", ".join(part for part in parts if part))
