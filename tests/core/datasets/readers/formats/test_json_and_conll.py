"""JSON, Parquet, Excel and CoNLL files, and files with the wrong extension."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from core.datasets.readers.formats.json_flatten import flatten
from core.datasets.readers.read_table import read_table
from core.datasets.table import Table
from core.errors import InputFileError
from tests.cpu_time import grows_in_proportion

Read = Callable[..., Table]


def cells(table: Table) -> list[list[str | None]]:
    return table.rows.to_numpy(dtype=object).tolist()


def workbook(*sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def parquet(columns: dict[str, Any], metadata: dict[str, str] | None = None) -> bytes:
    written = io.BytesIO()
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata) if metadata else table, written)
    return written.getvalue()


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def test_json_lines_keep_numbers_as_written_and_nested_values_as_json(read: Read) -> None:
    table = read("a.jsonl", '{"text": "a", "n": 1, "f": 1.0, "b": true, "l": ["ü", 1.50]}\n\n{"text": null, "n": "1"}\n')

    assert table.rows.columns.tolist() == ["text", "n", "f", "b", "l"]
    assert cells(table) == [["a", "1", "1.0", "true", '["ü", 1.5]'], [None, "1", None, None, None]]
    assert table.lines == {1: 1, 2: 3}


def test_lines_that_are_no_json_objects_are_set_aside_with_a_reason(read: Read) -> None:
    table = read("a.jsonl", '{"text": "fine"}\n{"text": broken}\n[1, 2]\n"only text"\n')

    assert table.rows.index.tolist() == [1]
    assert [entry.record for entry in table.set_aside] == [2, 3, 4]
    assert "column 10" in table.set_aside[0].reason


def test_the_place_where_a_line_of_json_breaks_off_is_told(read: Read) -> None:
    table = read("a.jsonl", '{"text": "fine"}\n{"text": 3\n{"text": "fine"}\n')

    assert table.set_aside[0].reason == "Not valid JSON: Expecting ',' delimiter at column 11."


def test_a_separator_that_some_programs_take_for_a_line_end_stays_inside_its_text(read: Read) -> None:
    assert cells(read("a.jsonl", '{"text": "a\u2028b\x85c"}\n')) == [["a\u2028b\x85c"]]


def test_half_a_character_in_json_sets_its_record_aside(read: Read) -> None:
    table = read("a.jsonl", '{"text": "fine"}\n{"text": "half \\ud83d"}\n{"text": "whole \\ud83d\\ude00"}\n')

    assert cells(table) == [["fine"], ["whole 😀"]]
    assert "U+D83D" in table.set_aside[0].reason


@pytest.mark.parametrize("depth", [900, 985, 995, 5000])
def test_json_nested_as_deep_as_python_can_bear_never_ends_in_a_traceback(read: Read, depth: int) -> None:
    table = read("a.jsonl", '{"text": "fine"}\n{"text": ' + "[" * depth + "]" * depth + "}\n")

    assert table.num_records == 2
    assert "fine" in table.rows["text"].tolist()


@pytest.mark.parametrize(
    "wrapped",
    [
        [{"text": "a", "label": "x"}],
        {"data": [{"text": "a", "label": "x"}], "version": 1},
        {"features": [{"name": "text"}], "rows": [{"row_idx": 0, "row": {"text": "a", "label": "x"}}]},
        {"text": "a", "label": "x"},
        {"text": ["a"], "label": ["x"]},
        {"text": {"0": "a"}, "label": {"0": "x"}},
        {"columns": ["text", "label"], "index": [0], "data": [["a", "x"]]},
    ],
)
def test_records_are_found_in_whatever_json_wraps_them(read: Read, wrapped: Any) -> None:
    table = read("a.json", json.dumps(wrapped))

    assert table.rows.columns.tolist() == ["text", "label"]
    assert cells(table) == [["a", "x"]]


def test_json_lines_called_json_and_a_list_called_json_lines_are_read(read: Read) -> None:
    assert len(read("a.json", '{"text": "a"}\n{"text": "b"}\n').rows) == 2
    assert len(read("a.jsonl", '[\n{"text": "a"},\n{"text": "b"}\n]').rows) == 2


def test_objects_inside_records_become_columns_of_their_own(read: Read) -> None:
    table = read("a.json", json.dumps([{"data": {"text": "a", "more": {"x": 1}}, "id": 1}, {"data": {"text": "b"}, "id": 2}]))

    assert table.rows.columns.tolist() == ["data.text", "data.more", "id"]
    assert cells(table) == [["a", '{"x": 1}', "1"], ["b", None, "2"]]


def test_an_object_in_some_records_stays_whole_where_others_hold_something_else(read: Read) -> None:
    table = read(
        "a.json", json.dumps([{"t": "a", "x": {"y": 1}}, {"t": "b", "x": 2}, {"t": "c", "z": {}}, {"t": "d", "z": None}])
    )

    assert table.rows.columns.tolist() == ["t", "x", "z"]
    assert cells(table) == [["a", '{"y": 1}', None], ["b", "2", None], ["c", None, "{}"], ["d", None, None]]


def test_an_object_used_as_a_lookup_table_stays_whole(read: Read) -> None:
    records = [{"t": "a", "votes": {f"user {number + place}": 1 for place in range(3)}} for number in range(0, 300, 3)]

    assert read("a.json", json.dumps(records)).rows.columns.tolist() == ["t", "votes"]


@pytest.mark.parametrize("record", [lambda number: {f"key {number}": 1}, lambda number: {"t": 1, f"key {number}": {"text": "a"}}])
def test_records_with_keys_of_their_own_are_refused_before_the_work(record: Callable[[int], dict[str, Any]]) -> None:
    def work(size: int) -> Callable[[], object]:
        records = [record(number) for number in range(size)]

        def refused() -> None:
            with pytest.raises(InputFileError, match=r"columns; at most 2,000 can be read"):
                flatten(records)

        return refused

    assert grows_in_proportion(work, 4000)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '[{"text": "a"},]', "not valid JSON: .* line 1"),
        ("a.json", "5", "no list of objects"),
        ("a.json", "[]", "no records"),
        ("a.json", "[" * 100_000, "nested too deeply|not valid JSON"),
        ("a.jsonl", "hello\nworld\n", "No line .* is a JSON object"),
        ("a.csv", '{"text": "a"}\n{"text": "b"}\n', "contains JSON"),
    ],
)
def test_json_that_cannot_be_read_is_refused_plainly(read: Read, name: str, content: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        read(name, content)


# --- Parquet ------------------------------------------------------------------------------------------------------------------


def test_parquet_cells_become_text_and_lists_json(read: Read) -> None:
    data = parquet({"text": ["a", None, ""], "n": [1, 2, None], "f": [1.0, float("nan"), 2.5], "l": [["x"], [], None]})

    assert cells(read("a.parquet", data)) == [["a", "1", "1.0", '["x"]'], [None, "2", None, "[]"], [None, None, "2.5", None]]


def test_numbers_of_classes_become_the_names_the_file_gives_them(read: Read) -> None:
    features = {
        "ner_tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "List"},
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = read("a.parquet", parquet({"ner_tags": [[0, 1]], "label": [1]}, metadata))

    assert cells(table) == [['["O", "B-PER"]', "good"]]
    assert len(table.notes) == 2


def test_binary_columns_are_left_out_with_a_note(read: Read) -> None:
    table = read("a.parquet", parquet({"text": ["a"], "image": [b"\x00"]}))

    assert table.rows.columns.tolist() == ["text"]
    assert any("binary" in note for note in table.notes)


def test_a_parquet_file_without_rows_or_cut_short_is_refused(read: Read) -> None:
    with pytest.raises(InputFileError, match="no rows"):
        read("a.parquet", parquet({"text": pyarrow.array([], pyarrow.string())}))
    with pytest.raises(InputFileError, match="damaged"):
        read("a.parquet", parquet({"text": ["a"]})[:-20])


# --- Excel --------------------------------------------------------------------------------------------------------------------


def test_excel_cells_become_text_and_rows_keep_their_place(read: Read) -> None:
    table = read("a.xlsx", workbook([["text", "label", "day"], ["a", 1, date(2024, 5, 1)], [None, None], ["b", 1.5, True]]))

    assert cells(table) == [["a", "1", "2024-05-01"], ["b", "1.5", "TRUE"]]
    assert table.lines == {1: 2, 2: 4}


def test_the_first_sheet_with_content_is_read_unless_another_is_asked_for(read: Read) -> None:
    book = workbook([], [["text", "label"], ["a", "x"]], [["text", "label"], ["b", "y"]])

    assert cells(read("a.xlsx", book)) == [["a", "x"]]
    assert cells(read("a.xlsx", book, sheet="Sheet 3")) == [["b", "y"]]
    with pytest.raises(InputFileError, match="Sheet 3"):
        read("a.xlsx", book, sheet="other")


def test_a_sheet_with_nothing_but_a_title_is_passed_over(read: Read) -> None:
    book = workbook([["Notes on this export"]], [["text", "label"], ["a", "x"]])

    assert cells(read("a.xlsx", book)) == [["a", "x"]]
    with pytest.raises(InputFileError, match="no rows below"):
        read("a.xlsx", book, sheet="Sheet 1")


def test_a_title_above_the_header_of_a_sheet_is_left_out_and_said(read: Read) -> None:
    book = workbook([["Tickets of May"], [], ["made by Ada"], ["id", "text", "label"], [1, "a", "x"], [2, "b", "y"]])

    table = read("a.xlsx", book)

    assert (list(table.rows.columns), cells(table)) == (["id", "text", "label"], [["1", "a", "x"], ["2", "b", "y"]])
    assert table.lines == {1: 5, 2: 6}
    assert any("'Tickets of May', 'made by Ada'" in note for note in table.notes)


def test_a_sheet_of_a_file_that_has_none_is_refused(read: Read) -> None:
    with pytest.raises(InputFileError, match="no sheet or file 'Sheet 3'"):
        read("a.csv", "text,label\na,x\n", sheet="Sheet 3")


def test_an_excel_workbook_that_is_empty_damaged_or_old_is_refused(read: Read) -> None:
    for content, message in (
        (workbook([]), "is empty"),
        (workbook([["text", "label"]]), "no rows below"),
        (workbook([["text"], ["a"]])[:2000], "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged workbook"),
    ):
        with pytest.raises(InputFileError, match=message):
            read("a.xlsx", content)


def test_a_table_of_text_that_calls_itself_a_workbook_is_read_and_said(read: Read) -> None:
    table = read("tickets.xls", "text\tlabel\nthe parcel, at last\tdelivery\n".encode("utf-16"))

    assert cells(table) == [["the parcel, at last", "delivery"]]
    assert table.notes == ["The file has the extension of an Excel workbook, but is a text table; it was read as one."]
    with pytest.raises(InputFileError, match="not a text file"):
        read("tickets.xls", bytes(range(256)) * 20)


# --- CoNLL --------------------------------------------------------------------------------------------------------------------


def test_conll_sentences_become_rows_whatever_parts_them(read: Read) -> None:
    for between in ("\n", " \n", "\t\n", "\r\n"):
        table = read("a.conll", f"Anna\tB-PER\ncame\tO\n{between}Rome\tB-LOC\n")

        assert cells(table) == [['["Anna", "came"]', '["B-PER", "O"]'], ['["Rome"]', '["B-LOC"]']]
        assert table.lines == {1: 1, 2: 4}


def test_conll_with_four_columns_and_documents_names_words_and_tags(read: Read) -> None:
    table = read(
        "a.txt", "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nsays VBZ B-VP O\n\n-DOCSTART- -X- -X- O\n\nBonn NNP B-NP B-LOC\n"
    )

    assert table.format == "conll"
    assert table.rows.columns.tolist() == ["tokens", "column_2", "column_3", "tags"]
    assert table.reading["documents"] == 2
    assert len(table.rows) == 2


def test_comments_and_word_numbers_of_conllu_are_not_words(read: Read) -> None:
    table = read("a.conllu", "# sent_id = 1\n1\tAnna\tB-PER\n2\t#\tO\n\n# text = b\n1\t#win\tO\n")

    assert table.rows["tokens"].tolist() == ['["Anna", "#"]', '["#win"]']


def test_a_hashtag_at_the_start_of_a_sentence_is_a_word(read: Read) -> None:
    assert read("a.conll", "#rome\tB-LOC\nnow\tO\n\n#\tO\nok\tO\n").rows["tokens"].tolist() == ['["#rome", "now"]', '["#", "ok"]']


def test_white_space_other_than_the_separator_belongs_to_the_word(read: Read) -> None:
    assert read("a.conll", "10\u00a0000 O\nEUR B-CUR\n\nx O\n").rows["tokens"].tolist()[0] == '["10\u00a0000", "EUR"]'


def test_a_sentence_with_a_ragged_line_is_set_aside_with_the_line(read: Read) -> None:
    table = read("a.conll", "Anna\tB-PER\ncame\tO\n\nBob\nleft\tO\n\nRome\tB-LOC\n")

    assert table.rows.index.tolist() == [1, 3]
    assert table.set_aside[0].record == 2
    assert "Line 4 has 1 field" in table.set_aside[0].reason


def test_conll_with_one_column_is_refused_with_what_was_expected(read: Read) -> None:
    with pytest.raises(InputFileError, match="one field each; expected a word and its tag"):
        read("a.conll", "Anna\ncame\n\nRome\n")


# --- wrong extensions ---------------------------------------------------------------------------------------------------------


def archive(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", workbook([["text"], ["a"]]), "contains an Excel or OpenDocument workbook"),
        ("a.csv", parquet({"text": ["a"]}), "contains a Parquet file"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a PNG image"),
        ("a.csv", b"%PDF-1.7 ...", "is a PDF document"),
        ("a.csv", b"\x1f\x8b\x08\x00" + bytes(20), "contains a gzip archive.*end in .gz"),
        ("a.csv", archive("a.csv"), "contains a zip archive.*end in .zip"),
        ("a.xlsx", archive("word/document.xml"), "Word document"),
        ("a.csv", b"<!DOCTYPE html><html>sign in</html>", "web page"),
        ("a.csv", bytes(range(256)) * 40, "not a text file|NUL"),
        ("a.xlsx", b"text,label\na,b\n", "its content is not one"),
        ("a.parquet", b"text,label\na,b\n", "its content is not one"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(read: Read, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        read(name, content)


def test_a_file_without_an_ending_is_read_by_its_content(read: Read) -> None:
    assert read("a", parquet({"text": ["a"]})).format == "parquet"
    assert read("b", workbook([["text"], ["a"]])).format == "excel"
    assert read("c", '{"text": "a"}\n{"text": "b"}').format == "jsonl"
    assert read("d", "text\tlabel\na\tb\n").format == "csv"
    assert read("e", "Anna B-PER\ncame O\n\nRome B-LOC\n").format == "conll"


def test_a_file_over_the_limit_missing_or_a_folder_is_refused(read: Read, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="2 MiB; at most 1 MiB are allowed"):
        read("a.csv", b"x" * (2 * 2**20), max_mib=1)
    with pytest.raises(InputFileError, match=r"File 'b\.csv' does not exist"):
        read_table(tmp_path / "b.csv")
    with pytest.raises(InputFileError, match="cannot be opened"):
        read_table(tmp_path)


def test_the_name_shown_is_the_one_the_person_gave_without_folders(read: Read) -> None:
    assert read("upload-17", "text,label\na,b\n", file_name="../../etc/mine.csv").file_name == "mine.csv"
