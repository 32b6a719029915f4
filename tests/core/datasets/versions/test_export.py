"""Every export can be imported without loss; formulas are protected unless an exact export is requested."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.readers.read_table import read_table
from core.datasets.row_diff import plain
from core.datasets.versions.export import FORMATS, export
from core.errors import DatasetError
from core.tasks import TASKS, get_task
from tests.core.datasets.planted import ENTITIES, MULTI, SINGLE, kept, rows_of, spread

ODD = [
    *("=1+1", "@SUM(A1)", "-5", "+49 30", 'comma, "quote"', "two\nlines", "tab\there", "NA", "null", "1.0", "001", "'tis"),
    *("日本語 é", '{"a": 1}', "[1, 2]"),
]


def odd_examples(task: str) -> pd.DataFrame:
    examples = (
        spread(task, [["a", "b, c"], ["=x"], []], number=60) if task == MULTI else spread(task, ["a", "=x", "b, c"], number=60)
    )
    examples.loc[: len(ODD) - 1, "text"] = ODD
    return examples


def sentences(raw: bool) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for place in range(30):
        split = ("train", "train", "train", "validation", "test")[place % 5]
        if raw:
            rows.append(
                {"text": f"Ada,  in Oslo-{place}.", "tags": ["B-PER", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O"], "split": split}
            )
        else:
            words = ["#1", "Ada", "Byron", "=SUM(1)", ",", "Oslo", f"“{place}”"]
            rows.append({"words": words, "tags": ["O", "B-PER", "I-PER", "O", "O", "B-LOC", "B-LOC"], "split": split})
    return rows_of(ENTITIES, rows)


def read_back(folder: Path, task: str, content: bytes, suffix: str) -> pd.DataFrame:
    """The examples of a file, imported with the guessed plan."""
    if suffix == ".zip":
        tables = {}
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for part, name in (("main", "train.conll"), ("validation", "validation.conll"), ("test", "test.conll")):
                (folder / name).write_bytes(archive.read(name))
                tables[part] = read_table(folder / name)
        return prepare(tables, guess_plan(tables["main"], task)).examples
    file = folder / f"back{suffix}"
    file.write_bytes(content)
    table = read_table(file)
    plan = guess_plan(table, task)
    assert plan.split_column == "split"
    return prepare({"main": table}, plan).examples


def in_order(examples: pd.DataFrame, task: str) -> list[list[Any]]:
    columns = ["split", "text", *get_task(task).target_columns]
    rows = examples.sort_values("split", kind="stable")[columns]
    return [[plain(value) if not isinstance(value, list) else value for value in row] for row in rows.itertuples(index=False)]


CASES = [
    (task, name, raw)
    for task in TASKS
    for name, one in FORMATS.items()
    for raw in ((False, True) if task == ENTITIES else (False,))
    if (not one.tasks or task in one.tasks) and not (raw and name == "conll")
]


@pytest.mark.parametrize(("task", "name", "raw"), CASES)
def test_an_exact_export_is_read_back_equal(tmp_path: Path, task: str, name: str, raw: bool) -> None:
    examples = sentences(raw) if task == ENTITIES else odd_examples(task)
    dataset = kept(tmp_path / "set", task, examples)
    back = read_back(tmp_path, task, export(dataset, name), FORMATS[name].suffix)
    assert in_order(back, task) == in_order(examples, task)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(lambda text: text.strip() == text)


@given(st.lists(TEXTS, min_size=12, max_size=12, unique=True))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives_csv_json_lines_and_parquet(tmp_path: Path, texts: list[str]) -> None:
    splits = ["train"] * 8 + ["validation"] * 2 + ["test"] * 2
    rows = [
        {"text": text, "label": "ab"[place % 2], "split": split}
        for place, (text, split) in enumerate(zip(texts, splits, strict=True))
    ]
    folder = tmp_path / "set"
    if folder.exists():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    dataset = kept(folder, SINGLE, rows_of(SINGLE, rows))
    assert pd.read_parquet(io.BytesIO(export(dataset, "parquet")))["text"].tolist() == texts
    for name in ("csv", "tsv", "jsonl"):
        file = tmp_path / f"back{FORMATS[name].suffix}"
        file.write_bytes(export(dataset, name))
        assert read_table(file).rows["text"].tolist() == texts


def test_cells_that_look_like_formulas_are_guarded_in_csv_and_tsv(tmp_path: Path) -> None:
    dataset = kept(tmp_path / "set", SINGLE, odd_examples(SINGLE))
    for name, delimiter in (("csv", ","), ("tsv", "\t")):
        text = export(dataset, name, exact=False).decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
        assert "'=1+1" in cells
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_a_workbook_holds_nothing_but_text(tmp_path: Path) -> None:
    dataset = kept(tmp_path / "set", SINGLE, odd_examples(SINGLE))
    sheet = openpyxl.load_workbook(io.BytesIO(export(dataset, "excel"))).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}


@pytest.mark.parametrize("text", ["x" * 40_000, "bell\x07", "_x0041_"])
def test_what_a_workbook_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    examples = odd_examples(SINGLE)
    examples.loc[0, "text"] = text
    with pytest.raises(DatasetError, match="Excel does not support the content of 1 row"):
        export(kept(tmp_path / "set", SINGLE, examples), "excel")


def test_raw_text_is_no_conll_and_labels_are_no_entities(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="separated by single spaces"):
        export(kept(tmp_path / "raw", ENTITIES, sentences(raw=True)), "conll")
    with pytest.raises(DatasetError, match="Choose one of csv"):
        export(kept(tmp_path / "set", SINGLE, odd_examples(SINGLE)), "conll")


def test_further_columns_come_along_on_demand_under_free_names(tmp_path: Path) -> None:
    examples = odd_examples(SINGLE)
    extra = pd.DataFrame({"text": ["subject"] * 60, "customer": [None, *["c"] * 59]}, index=examples["id"])
    dataset = kept(tmp_path / "set", SINGLE, examples, extra=extra)
    first = json.loads(export(dataset, "jsonl", with_columns=True).splitlines()[0])
    assert first == {"text": "=1+1", "label": "a", "split": "train", "text (from the file)": "subject", "customer": None}
    assert "customer" not in json.loads(export(dataset, "jsonl").splitlines()[0])
