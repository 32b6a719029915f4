"""Texts that are longer than allowed: the record is skipped like any other that cannot be used, and the rest is imported."""

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from core.datasets.checks.run_checks import examine_prepared
from core.datasets.importing.prepare import guess_plan, prepare, write
from core.datasets.table import Table
from core.errors import DatasetError
from core.tasks.skip_reasons import Reason

Read = Callable[..., Table]

ROWS = [(f"sentence number {place} of many", "ab"[place % 2]) for place in range(40)]
MOST = 100
LONG = "x" * 60 + " " + "y" * 60
"""121 characters, with a space inside."""
REASON = "The text has 121 characters; at most 100 are allowed. Shorten or split it, or raise TUNEBOARD_MAX_TEXT_CHARACTERS."


def rows_with_long_ones(*places: int) -> list[tuple[str, str]]:
    return [(LONG if place in places else text, label) for place, (text, label) in enumerate(ROWS, start=1)]


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    return ("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)).encode()


def as_json_lines(rows: list[tuple[str, str]]) -> bytes:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode()


def as_json(rows: list[tuple[str, str]]) -> bytes:
    return json.dumps([{"text": text, "label": label} for text, label in rows]).encode()


def as_workbook(rows: list[tuple[str, str]]) -> bytes:
    book = openpyxl.Workbook()
    for row in (("text", "label"), *rows):
        book.active.append(row)
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def as_parquet(rows: list[tuple[str, str]]) -> bytes:
    written = BytesIO()
    pd.DataFrame(rows, columns=["text", "label"]).to_parquet(written)
    return written.getvalue()


def as_folders(rows: list[tuple[str, str]]) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for place, (text, label) in enumerate(rows):
            archive.writestr(f"texts/{label}/{place:03d}.txt", text)
    return written.getvalue()


def as_conll(rows: list[tuple[str, str]]) -> bytes:
    """Each text a sentence whose first word is a person."""
    sentences = [[f"{word} {'O' if place else 'B-PER'}" for place, word in enumerate(text.split())] for text, _ in rows]
    return "\n\n".join("\n".join(lines) for lines in sentences).encode()


@pytest.mark.parametrize(
    ("name", "written", "line"),
    [
        ("a.csv", as_csv, 8),
        ("a.jsonl", as_json_lines, 7),
        ("a.json", as_json, None),
        ("a.xlsx", as_workbook, 8),
        ("a.parquet", as_parquet, None),
        ("a.conll", as_conll, 37),
    ],
)
def test_a_text_that_is_too_long_is_set_aside_by_record_and_the_rest_is_taken(
    read: Read, name: str, written: Callable[[list[tuple[str, str]]], bytes], line: int | None
) -> None:
    table = read(name, written(rows_with_long_ones(7)))

    prepared = prepare({"main": table}, guess_plan(table), max_text_characters=MOST)

    (entry,) = prepared.set_aside
    assert (entry.record, entry.line, entry.kind, entry.reason) == (7, line, Reason.TEXT_TOO_LONG, REASON)
    assert sorted(prepared.examples["record"]) == [place for place in range(1, 41) if place != 7]
    assert (prepared.account.num_records, prepared.account.kept) == (40, 39)


def test_a_file_in_an_archive_of_folders_is_set_aside_alone(read: Read) -> None:
    table = read("a.zip", as_folders(rows_with_long_ones(7)))

    prepared = prepare({"main": table}, guess_plan(table), max_text_characters=MOST)

    assert [entry.reason for entry in prepared.set_aside] == [REASON]
    assert len(prepared.examples) == 39


def test_a_text_of_just_the_limit_is_taken(read: Read) -> None:
    table = read("a.csv", as_csv(rows_with_long_ones(7)))

    assert not prepare({"main": table}, guess_plan(table), max_text_characters=len(LONG)).set_aside


def test_the_limit_holds_for_texts_without_a_label_too(read: Read) -> None:
    table = read("a.csv", as_csv([*ROWS, (LONG, ""), ("a short one", "")]))

    prepared = prepare({"main": table}, guess_plan(table), max_text_characters=MOST)

    assert prepared.account.by_kind == {Reason.TEXT_TOO_LONG: 1, Reason.NO_LABEL: 1}
    assert prepared.unlabelled["text"].tolist() == ["a short one"]


def test_each_file_of_several_loses_only_its_own_long_texts(read: Read) -> None:
    main, test = read("main.csv", as_csv(rows_with_long_ones(3))), read("test.csv", as_csv(rows_with_long_ones(5)[:10]))

    prepared = prepare({"main": main, "test": test}, guess_plan(main), max_text_characters=MOST)

    assert [(entry.file_name, entry.record) for entry in prepared.set_aside] == [("main.csv", 3), ("test.csv", 5)]
    assert prepared.num_examples["test"] == 9


def test_where_nothing_else_is_left_the_file_is_refused_with_the_limit_and_how_to_raise_it(read: Read) -> None:
    table = read("a.csv", as_csv([(f"{LONG}{'z' * place}", label) for place, (_, label) in enumerate(ROWS)]))

    with pytest.raises(DatasetError, match=r"None of the 40 records.*121 characters; at most 100.*TUNEBOARD_MAX_TEXT") as refused:
        prepare({"main": table}, guess_plan(table), max_text_characters=MOST)

    assert "(40 records, the first: " in str(refused.value), "said once, however many different lengths there are"
    assert "xxx" not in str(refused.value)


def test_what_is_kept_of_a_very_long_text_is_its_beginning_with_the_label_beside_it(read: Read, tmp_path: Path) -> None:
    table = read("a.csv", as_csv([*ROWS, ("long " * 20_000, "a")]))

    dataset = write(prepare({"main": table}, guess_plan(table), max_text_characters=50_000), tmp_path / "made")

    (content,) = (json.loads(cell) for cell in dataset.set_aside()["content"])
    assert content["label"] == "a"
    assert content["text"].startswith("long long ")
    assert content["text"].endswith("… (100,000 characters in all)")
    assert len(content["text"]) < 21_000


def test_the_checks_tell_of_it_with_an_example(read: Read) -> None:
    table = read("a.csv", as_csv(rows_with_long_ones(7)))
    prepared = prepare({"main": table}, guess_plan(table), max_text_characters=MOST)

    report = examine_prepared(prepared)

    finding = next(finding for finding in report.findings if finding.check == "set_aside")
    assert finding.title == "1 record of the file skipped"
    assert REASON in finding.examples[0].detail
