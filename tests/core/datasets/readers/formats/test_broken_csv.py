"""Files that are broken in typical ways: every record is a row or is skipped with its record and line number."""

import errno
import gzip
import io
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.importing.prepare import guess_plan, prepare, write
from core.datasets.readers.build_table import column_names
from core.datasets.readers.formats import csv_rows
from core.datasets.readers.formats.csv_rows import parse_broken_rows, parse_rows
from core.datasets.readers.read_table import read_table
from core.datasets.table import Table
from core.errors import InputFileError

Read = Callable[..., Table]

FILLER = "".join(f'"größer, number {number}",{"good" if number % 2 else "bad"}\n' for number in range(40))
HEADER = "text,label\n"


def account(table: Table) -> list[tuple[int, int | None, str]]:
    """Record, line and the first words of the reason of every skipped record."""
    return [(entry.record, table.lines.get(entry.record), " ".join(entry.reason.split()[:4])) for entry in table.set_aside]


CORPUS = {
    "more cells than the header": (HEADER + "a,b,c\n" + FILLER, 41, [(1, 2, "3 cells where the")]),
    "fewer cells than the header": (HEADER + FILLER + "alone\n", 41, [(41, 42, "1 cells where the")]),
    "a quote that never closes": (HEADER + '"open,b\n' + FILLER, 41, [(1, 2, "The quotation marks in")]),
    "a quote that never closes at the end": (HEADER + FILLER + '"open,b\n', 41, [(41, 42, "The quotation marks in")]),
    "a quote inside a quoted cell": (HEADER + '"say "hi" now",b\n' + FILLER, 41, [(1, 2, "The quotation marks in")]),
    "a quote that closes in a later row": (
        HEADER + '"open,b\nfine,"good, really"\n' + FILLER,
        42,
        [(1, 2, "The quotation marks in")],
    ),
    "the rest of a broken cell": (
        HEADER + '"say "hi"\nto them",b\n' + FILLER,
        42,
        [(1, 2, "The quotation marks in"), (2, 3, "The line follows one")],
    ),
    "a NUL byte": (HEADER + "a\x00b,c\n" + FILLER, 41, [(1, 2, "Column 'text' contains a")]),
    "damaged bytes": ((HEADER + FILLER).encode() * 2 + b"\xff\xfe broken,b\n", 82, [(82, 83, "Column 'text' contains bytes")]),
    "a row after a text of two lines": (HEADER + '"two\nlines",b\na,b,c\n' + FILLER, 42, [(2, 4, "3 cells where the")]),
    "blank lines between rows": (HEADER + "\n\na,b,c\n\n" + FILLER, 41, [(1, 4, "3 cells where the")]),
}


@pytest.mark.parametrize("case", CORPUS)
def test_a_broken_record_is_set_aside_with_its_line_and_the_others_are_kept(read: Read, case: str) -> None:
    content, records, expected = CORPUS[case]

    table = read("broken.csv", content)

    assert account(table) == expected
    assert table.num_records == records == len(table.rows) + len(table.set_aside)
    assert "größer, number 39" in table.rows["text"].tolist(), "nothing after the broken record is lost"
    assert all(entry.content for entry in table.set_aside), "skipped records can be downloaded"


def test_the_account_of_a_data_set_adds_up_and_every_record_set_aside_lies_beside_it(read: Read, tmp_path: Path) -> None:
    broken = "".join(f"row {number} with,too,many,cells\n" for number in range(300))
    table = read("mixed.csv", HEADER + FILLER + broken + ",good\nno label,\n", missing=["nothing"])

    dataset = write(prepare({"main": table}, guess_plan(table)), tmp_path / "dataset")

    source, aside = dataset.source, dataset.set_aside()
    assert (source["records"], source["kept"], source["set_aside"]) == (342, 40, 302)
    assert len(aside) == 302
    assert source["set_aside_by_kind"] == {"ragged_row": 300, "no_text": 1, "no_label": 1}
    assert aside["kind"].value_counts().to_dict() == source["set_aside_by_kind"]
    told = [entry["kind"] for entry in source["set_aside_reasons"]]
    assert (len(told), told[-2:]) == (200, ["no_text", "no_label"]), "a kind that is rare is among the examples, too"
    assert aside.iloc[0][["record", "line", "content"]].tolist() == [41, 42, '["row 0 with", "too", "many", "cells"]']
    assert aside.iloc[-1][["record", "line", "content"]].tolist() == [342, 343, '{"text": "no label"}']


def test_many_quotes_that_never_close_cost_no_more_than_reading_the_file_a_few_times(read: Read) -> None:
    hostile = HEADER + '"a\n' + 'x","y","z\n' * 60_000
    begun = time.process_time()
    with pytest.raises(InputFileError, match="No row"):
        read("hostile.csv", hostile)
    assert time.process_time() - begun < 10  # going to the end of the file for every line would take minutes


def test_a_key_that_stands_twice_and_a_row_of_the_wrong_length_are_set_aside_in_json(read: Read) -> None:
    table = read("a.jsonl", '{"text": "a", "label": "x"}\n{"text": "b", "label": "x", "label": "y"}\n')
    assert account(table) == [(2, 2, "This object contains the")]
    table = read("a.json", '{"columns": ["text", "label"], "data": [["a", "x"], ["b"], ["c", "y", "z"]]}')
    assert [entry.record for entry in table.set_aside] == [2, 3]


def test_words_that_mean_nothing_do_so_only_where_the_person_says_so(read: Read) -> None:
    content = HEADER + "a,NA\nb,null\nNA,x\nNA a,None\n"
    assert read("a.csv", content).rows.to_numpy().tolist() == [["a", "NA"], ["b", "null"], ["NA", "x"], ["NA a", "None"]]
    table = read("a.csv", content, missing=["NA"])
    assert table.rows.to_numpy().tolist() == [["a", None], ["b", "null"], [None, "x"], ["NA a", "None"]]
    assert any("2 cells" in note for note in table.notes)


# --- both parsers agree, and no record is lost in any file ----------------------------------------------------------------------

_PIECES = st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "b c", " ", "é", "7", ";"])


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(_PIECES, max_size=40), delimiter=st.sampled_from([",", ";"]))
def test_reading_in_one_pass_and_line_by_line_agree_wherever_quotes_pair_up(pieces: list[str], delimiter: str) -> None:
    import csv

    text = "".join(pieces)
    lines = list(io.StringIO(text, newline=""))
    try:
        fast = parse_rows(lines, delimiter)
    except csv.Error:
        slow = parse_broken_rows(lines, delimiter)
        assert slow is None or len(slow.lines) == len(slow.records) + len(slow.odd)
        return
    slow = parse_broken_rows(lines, delimiter)
    assert (fast is None) == (slow is None)
    if fast is not None and slow is not None:
        assert (fast.first, fast.first_line, fast.columns) == (slow.first, slow.first_line, slow.columns)
        assert (fast.records, fast.lines, fast.odd) == (slow.records, slow.lines, slow.odd)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_PIECES, min_size=1, max_size=60))
def test_no_text_is_lost_or_moved_to_another_line(read: Read, pieces: list[str]) -> None:
    try:
        table = read("a.csv", HEADER + "".join(pieces), delimiter=",")
    except InputFileError:
        return
    held = "".join(cell or "" for row in table.rows.to_numpy().tolist() for cell in row)
    aside = "".join(entry.content or "" for entry in table.set_aside)
    for mark in ("a", "b", "é", "7"):
        assert (held + aside).count(mark) >= "".join(pieces).count(mark)
    lines = [table.lines[record] for record in range(1, table.num_records + 1)]
    assert lines == sorted(set(lines)), "every record begins on a line of its own"


# --- any bytes ------------------------------------------------------------------------------------------------------------------

_NAMES = ("a.csv", "a.tsv", "a.txt", "a.json", "a.jsonl", "a.conll", "a.zip", "a.csv.gz", "a")
_STARTS = (
    b"",
    b"text,label\n",
    b'{"text": "',
    b"[{",
    b"PK\x03\x04",
    b"\x1f\x8b\x08\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"A\tB-X\n",
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(_NAMES),
    start=st.sampled_from(_STARTS),
    rest=st.one_of(
        st.binary(max_size=400),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(
            st.sampled_from([b'"', b",", b"\n", b"\x00", b"[", b"{", b'"a":', b"1", b"\xc3", b"\t", b"O", b"\x81"]), max_size=80
        ).map(b"".join),
    ),
)
def test_whatever_the_bytes_are_a_table_comes_out_or_a_sentence(read: Read, name: str, start: bytes, rest: bytes) -> None:
    try:
        table = read(name, start + rest)
    except InputFileError:
        return
    assert table.num_records == len(table.rows) + len(table.set_aside)
    for cell in (cell for row in table.rows.to_numpy().tolist() for cell in row):
        assert cell is None or (cell and "\x00" not in cell and cell.encode("utf-8"))


def test_a_damaged_archive_is_refused_wherever_the_damage_is(read: Read) -> None:
    from tests.core.datasets.readers.test_archives import zipped

    draw = random.Random(0)
    for name, sound in (("a.zip", zipped({"a.csv": HEADER + FILLER})), ("a.csv.gz", gzip.compress((HEADER + FILLER).encode()))):
        for _ in range(60):
            data = bytearray(sound)
            for _ in range(draw.randint(1, 4)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            try:
                table = read(name, bytes(data))
            except InputFileError:
                continue
            assert table.num_records


def test_a_path_is_never_taken_from_what_a_file_says_of_itself(tmp_path: Path) -> None:
    (tmp_path / "data").write_text(HEADER + FILLER)
    assert read_table(tmp_path / "data", file_name="../../../etc/passwd.csv").file_name == "passwd.csv"


# --- error messages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["{}\n{}\n", "{}\n1\n"])
def test_lines_of_empty_objects_are_refused_in_a_sentence(read: Read, content: str) -> None:
    with pytest.raises(InputFileError, match="are empty objects"):
        read("a.jsonl", content)
    with pytest.raises(InputFileError, match="are empty objects"):
        read("a.json", "[{}, {}]")


@pytest.mark.parametrize("content", ["x" * 3_000_000, "x" * 100_000 + "," + "y" * 100_000, "," * 1500 + "z" * 100_000])
def test_no_refusal_quotes_a_long_header(read: Read, content: str) -> None:
    with pytest.raises(InputFileError) as caught:
        read("a.csv", content + "\n")

    assert len(str(caught.value)) < 600


def test_a_column_name_that_is_a_whole_text_is_shortened_and_stays_distinct(read: Read) -> None:
    long = "a name that goes on " * 50

    table = read("a.csv", f"text,{long}1,{long}2,label\n" + "b,c,d,e\n" * 3)

    names = table.rows.columns.tolist()
    assert names[0] == "text"
    assert len(set(names)) == 4
    assert max(map(len, names)) < 210
    assert any("shortened" in note for note in table.notes)
    assert max(map(len, table.notes)) < 600


def test_two_thousand_columns_of_one_name_are_told_apart_at_once() -> None:
    begin = time.process_time()

    names, _ = column_names(["same"] * 1999 + ["same_5"])

    assert time.process_time() - begin < 0.5
    assert len(set(names)) == 2000
    assert names[:3] == ["same", "same_2", "same_3"]
    assert names[4] == "same_6", "a name that stands in the file is nobody else's"


def test_reading_stops_at_the_row_that_is_one_too_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of every format, with records that are kept and with records that are skipped."""
    contents = {
        "a.csv": "text,label\n" + "a,b\n" * 50,
        "ragged.csv": "text,label\n" + "a,b,c\n" * 50,
        "quotes.csv": 'text,label\n"a"b,c\n' + "a,b\n" * 50,
        "a.jsonl": '{"text": "a"}\n' * 50,
        "skipped.jsonl": "1\n" * 50,
        "a.json": "[" + ",".join(['{"text": "a"}'] * 50) + "]",
        "a.conll": "a B-X\n\n" * 50,
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(InputFileError, match=r"more than 40 rows.*TUNEBOARD_MAX_ROWS"):
            read_table(tmp_path / name, max_rows=40)
        if name.startswith("a."):
            assert len(read_table(tmp_path / name, max_rows=51).rows) == 50
    rows_seen = []
    monkeypatch.setattr(csv_rows.ParsedRows, "_extend_columns", lambda _, rows: rows_seen.append(len(rows)))
    (tmp_path / "long.csv").write_text("text,label\n" + "a,b\n" * 20_000, encoding="utf-8")
    with pytest.raises(InputFileError, match="more than 1,000 rows"):
        read_table(tmp_path / "long.csv", max_rows=1000)
    assert sum(rows_seen) <= 1000 + 4 * 200, "beyond the looks for a delimiter nothing more is collected"


def test_a_file_that_may_not_be_opened_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,b\n")

    def locked(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", locked)

    with pytest.raises(InputFileError, match="cannot be opened: Permission denied"):
        read_table(tmp_path / "a.csv")
