"""Exports a data set as a file that can be imported again, here or by other programs.

A file written with ``exact`` and imported with its split column gives the same texts, labels and splits. Without ``exact``, cells
of CSV and TSV files that a spreadsheet program would run as formulas get an apostrophe in front; Excel workbooks do not need it,
since their cells are marked as text.

Entities are written as words and tags if the texts are words joined by single spaces, and otherwise as text and spans, so that
white space is preserved.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.datasets.dataset import Dataset, cells_of_text
from core.datasets.formula_guard import guarded
from core.datasets.repairs.targets import entities
from core.datasets.repairs.text_edits import layout_of
from core.datasets.row_diff import plain
from core.errors import DatasetError
from core.files.text_patterns import NOT_IN_A_SHEET, TAB_OR_LINE_END
from core.tasks.base import SPLITS
from core.text_format import counted, shown

_MOST_SHEET_ROWS, _LONGEST_SHEET_CELL = 1_048_575, 32_767


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """An export format.

    Attributes:
        name: for the command line.
        title: display title.
        suffix: file extension.
        mime: its media type.
        write: the rows -> the file; the flag enables formula protection.
        has_formulas: whether a spreadsheet program would run cells of such a file as formulas.
        tasks: names of the tasks it supports; all tasks if empty.
    """

    name: str
    title: str
    suffix: str
    mime: str
    write: Callable[[pd.DataFrame, bool], bytes]
    has_formulas: bool = False
    tasks: frozenset[str] = frozenset()


def export(dataset: Dataset, format_name: str, *, exact: bool = True, with_columns: bool = False) -> bytes:
    """Export a data set.

    Args:
        dataset: the data set; every row is written with its split.
        format_name: one of ``FORMATS``.
        exact: whether every cell is written unchanged; otherwise cells that look like formulas are protected.
        with_columns: whether to include the extra columns of the imported file.

    Raises:
        DatasetError: the format does not exist, or does not support these rows.
    """
    chosen = FORMATS.get(format_name)
    if chosen is None or (chosen.tasks and dataset.task not in chosen.tasks):
        fitting = [name for name, one in FORMATS.items() if not one.tasks or dataset.task in one.tasks]
        raise DatasetError(f"This data set cannot be exported as {shown(format_name)}. Choose one of {', '.join(fitting)}.")
    rows = export_rows(dataset.examples())
    if with_columns and not chosen.tasks:
        rows = _with_further_columns(rows, dataset)
    return chosen.write(rows.drop(columns="id"), not exact)


def export_rows(examples: pd.DataFrame) -> pd.DataFrame:
    """Rows as they are written: ``id``, text (or words), label, and ``split``; lists stay lists."""
    if "tags" not in examples:
        answer = "label" if "label" in examples else "labels"
        values = examples[answer].map(plain)
        return pd.DataFrame({"id": examples["id"], "text": examples["text"], answer: values, "split": examples["split"]})
    columns = [examples[name].map(plain) for name in ("text", "starts", "ends", "tags")]
    rows = list(zip(*columns, strict=True))
    frame: dict[str, Any] = {"id": examples["id"]}
    if layout_of(examples) == "joined":
        words = [[text[start:end] for start, end in zip(starts, ends, strict=True)] for text, starts, ends, _ in rows]
        frame |= {"tokens": _objects(words), "tags": _objects([list(tags) for *_, tags in rows])}
    else:
        spans = [
            [{"start": starts[first], "end": ends[last], "label": kind} for first, last, kind in entities(tags)]
            for _, starts, ends, tags in rows
        ]
        frame |= {"text": _objects([text for text, *_ in rows]), "entities": _objects(spans)}
    return pd.DataFrame({**frame, "split": examples["split"].to_numpy()}).reset_index(drop=True)


def _objects(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


def _with_further_columns(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    extra = cells_of_text(dataset.extra().reindex(rows["id"]))
    taken = set(rows.columns)
    for name in extra.columns:
        free = name
        while free in taken:
            free = f"{free} (from the file)"
        taken.add(free)
        rows[free] = pd.Series(extra[name].tolist(), index=rows.index, dtype=object)
    return rows


# --- formats ----------------------------------------------------------------------------------------------------------------


def _as_text(cell: Any) -> str:
    """A cell of a text table; lists become JSON."""
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)


def _delimited(delimiter: str) -> Callable[[pd.DataFrame, bool], bytes]:
    def write(rows: pd.DataFrame, guard: bool) -> bytes:
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        table: list[Iterable[Any]] = [rows.columns, *rows.itertuples(index=False)]
        for row in table:
            cells = map(_as_text, row)
            writer.writerow([guarded(cell, separators=",") for cell in cells] if guard else list(cells))
        return file.getvalue().encode("utf-8-sig")

    return write


def _records(rows: pd.DataFrame) -> Iterable[Mapping[str, Any]]:
    for row in rows.itertuples(index=False):
        yield dict(zip(rows.columns, row, strict=True))


def _json_lines(rows: pd.DataFrame, guard: bool) -> bytes:
    del guard
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in _records(rows)).encode("utf-8")


def _json(rows: pd.DataFrame, guard: bool) -> bytes:
    del guard
    inside = ",\n".join(json.dumps(record, ensure_ascii=False) for record in _records(rows))
    return f"[\n{inside}\n]\n".encode()


def _parquet(rows: pd.DataFrame, guard: bool) -> bytes:
    del guard
    file = io.BytesIO()
    rows.to_parquet(file, index=False)
    return file.getvalue()


def _arrow(rows: pd.DataFrame, guard: bool) -> bytes:
    import pyarrow
    import pyarrow.feather

    del guard
    file = io.BytesIO()
    pyarrow.feather.write_feather(pyarrow.Table.from_pandas(rows, preserve_index=False), file)
    return file.getvalue()


def _excel(rows: pd.DataFrame, guard: bool) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    del guard
    if len(rows) > _MOST_SHEET_ROWS:
        raise DatasetError(
            f"An Excel sheet can have at most {_MOST_SHEET_ROWS:,} rows; there are {len(rows):,}. Choose CSV or Parquet."
        )
    table = [[_as_text(cell) for cell in row] for row in rows.itertuples(index=False)]
    unfit = sum(any(len(cell) > _LONGEST_SHEET_CELL or NOT_IN_A_SHEET.search(cell) for cell in row) for row in table)
    if unfit:
        raise DatasetError(
            f"Excel does not support the content of {counted(unfit, 'row')}: cells of more than {_LONGEST_SHEET_CELL:,} "
            "characters, or with control characters. Choose CSV, JSON Lines or Parquet."
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("examples")
    for row in [list(map(str, rows.columns)), *table]:
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=text)
            cell.data_type = "s"  # never a formula, a date or a number
            cells.append(cell)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _conll_files(rows: pd.DataFrame, guard: bool) -> bytes:
    """A zip archive with a file for each split, a word and its tag on each line, separated by a tab."""
    del guard
    if "tokens" not in rows:
        raise DatasetError(
            "Not all words of this data set are separated by single spaces, which the CoNLL format requires. Choose CSV, JSON "
            "Lines or Parquet; they keep the texts unchanged."
        )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for split in SPLITS:
            own = rows[rows["split"] == split]
            archive.writestr(zipfile.ZipInfo(f"{split}.conll", (1980, 1, 1, 0, 0, 0)), conll_text(own))
    return file.getvalue()


def conll_text(rows: pd.DataFrame) -> str:
    """Sentences with a word and its tag on each line, and an empty line between them.

    Raises:
        DatasetError: a word contains a tab or a line break, or is reserved in CoNLL files.
    """
    sentences = []
    for words, tags in zip(rows["tokens"], rows["tags"], strict=True):
        odd = [word for word in words if TAB_OR_LINE_END.search(word) or word == "-DOCSTART-" or not word.strip(" ")]
        if odd:
            raise DatasetError(
                "CoNLL files cannot contain a word with a tab or line break, an empty word, or -DOCSTART-. Choose JSON Lines."
            )
        sentences.append("".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)))
    return "\n".join(sentences)


FORMATS: dict[str, ExportFormat] = {
    one.name: one
    for one in (
        ExportFormat(name="csv", title="CSV", suffix=".csv", mime="text/csv", write=_delimited(","), has_formulas=True),
        ExportFormat(
            name="tsv", title="TSV", suffix=".tsv", mime="text/tab-separated-values", write=_delimited("\t"), has_formulas=True
        ),
        ExportFormat(
            name="excel",
            title="Excel",
            suffix=".xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            write=_excel,
        ),
        ExportFormat(name="jsonl", title="JSON Lines", suffix=".jsonl", mime="application/x-ndjson", write=_json_lines),
        ExportFormat(name="json", title="JSON", suffix=".json", mime="application/json", write=_json),
        ExportFormat(name="parquet", title="Parquet", suffix=".parquet", mime="application/vnd.apache.parquet", write=_parquet),
        ExportFormat(name="arrow", title="Arrow", suffix=".arrow", mime="application/vnd.apache.arrow.file", write=_arrow),
        ExportFormat(
            name="conll",
            title="CoNLL columns",
            suffix=".zip",
            mime="application/zip",
            write=_conll_files,
            tasks=frozenset({"token_classification"}),
        ),
    )
}
