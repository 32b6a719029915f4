"""Workbooks of every kind, Parquet, Arrow and Feather, and the separate process that reads them."""

import base64
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.readers.formats.arrow_tables import read_arrow
from core.datasets.readers.formats.excel import read_sheet
from core.datasets.readers.limits import ReadingLimits
from core.datasets.readers.parse import FileToRead
from core.datasets.readers.raw_table import RawTable
from core.datasets.readers.read_table import read_table
from core.datasets.readers.sandbox import run_isolated
from core.datasets.table import Table
from core.errors import InputFileError

Read = Callable[..., Table]

# One sheet in the format Excel wrote until 2003: text, label, day and n, an empty row between two filled ones.
_OLD_EXCEL = gzip.decompress(
    base64.b85decode(
        "ABzY8000000t4+>O=uHA6#iy6|Frot6<Q&Lf>moP7Cm@rW2IUU5~~PW6>NSMDG7<BIaooh)*J;v5EL(kdhk;9;twk5LGU0{^dJag"
        "qDN1HiibAqo0m;ZYlQ~15ZP~;H#6_eeDikS{Os<lSzmGLZd(aU&<7P|-3eQbPEc}ID_)RY*JZJqJ1FTU8VXJa1=424qvn@(8ABQG"
        "5)|CAJR=Ewq;w1?5zS__&?;gV`w$b-hhCBbH%Q|~D|_W<nP9nw<!x^HnB`8^Tw>WvZHwXvX2a3W9mXs^thBSu4as|-`@CaK4_fd-"
        "&f;^IMWwA3{khRty1@)VOB1F+0UgvbT29tIxCs|9Oz4h8x(5b|2vD%6@l6i_U#qM7X~@*Cu3mujKNjolf6zN9h)eZX6bmo`eS{ZD"
        "0Um6(NQ)f@M-wS6KQ@QGyfe#0mb`W<Zw1n^xRzFdWNe(KPR0pw0y%ug2WXUsFtYE=Fs+DaKWzwOS|XcCQsbU2TV3)D;61~;XwPWo"
        "wbVp1NiN8;k5`nJ#+|$M<#i-J6h6+H3HGFNnyi=3L&tg9gF3s}Vp))#++#D#3(UHX%WW(JG~Frh7-}&JdnUQfMYeX(INKO+!W(MJ"
        "8>w9Qy#GP4@F~2B$}@wd(}9_{;VHD!>6WDa@|r}K=n~hjNjwZ!b7AZ}?^(9~whK8Fui?9H9GM=>%XLTav8>eO(-8|b#dubgno2d*"
        ";1bJl3FfjG?FDmDK=Fip6U5`k)#s8i$Xt>|U4}(v7MsDMGK&o6Sw+^Q4@b$RKE;oF(ly#sf58P4CQO(xVZww76O9VN@1HQ<5y5Yg"
        "HvW95{MVVMR5pK;{I@uOEM0l};@gc3<vEPkHGkH^Dym#!g?+033ndQG=sBbiXFpPP&tLi;6SeoV;*Q?Gw}k2)zg&->|9JeLn7=xx"
        "02TlM"
    )
)

_OPEN_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0">
<office:body><office:spreadsheet><table:table table:name="Sheet1">ROWS</table:table></office:spreadsheet></office:body>
</office:document-content>""".replace(
    "ROWS",
    "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row)
        + "</table:table-row>"
        for row in (("text", "label"), ("größer", "NA"))
    ),
)


def as_arrow(table: pyarrow.Table, *, stream: bool = False) -> bytes:
    written = io.BytesIO()
    with (pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file)(written, table.schema) as writer:
        writer.write_table(table)
    return written.getvalue()


def test_a_workbook_of_old_excel_and_one_of_open_document_are_read(read: Read) -> None:
    table = read("a.xls", _OLD_EXCEL)
    assert table.rows.to_numpy().tolist() == [["größer 你好", "NA", "2024-05-01", "7"], ["second", "1.0", None, "1.5"]]
    assert table.lines == {1: 2, 2: 4}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as document:
        document.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        document.writestr("content.xml", _OPEN_DOCUMENT)
        document.writestr(
            "META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        )
    assert read("a.ods", written.getvalue()).rows.to_numpy().tolist() == [["größer", "NA"]]


def test_arrow_files_streams_and_feather_are_read_alike(read: Read) -> None:
    table = pyarrow.table({"text": ["a", None], "n": [1, 2], "d": [{"x": "1", "y": 2.5}, None]})
    feather = io.BytesIO()
    pyarrow.feather.write_feather(table, feather)
    expected = [["a", "1", "1", "2.5"], [None, "2", None, None]]

    for name, data in (
        ("a.arrow", as_arrow(table)),
        ("a.arrows", as_arrow(table, stream=True)),
        ("a.feather", feather.getvalue()),
    ):
        read_back = read(name, data)
        assert read_back.rows.columns.tolist() == ["text", "n", "d.x", "d.y"]
        assert read_back.rows.to_numpy().tolist() == expected


def test_a_workbook_that_would_fill_the_memory_ends_its_own_process_only(read: Read) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "text", "x"
    written = io.BytesIO()
    book.save(written)

    with pytest.raises(InputFileError, match=r"more than the .* MiB of memory allowed"):
        read("far.xlsx", written.getvalue())


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"]}), path)

    asked = {"file": FileToRead(path=path, name="a.parquet").to_json(), "limits": ReadingLimits().to_json()}
    with pytest.raises(InputFileError, match="more than the 0 seconds allowed"):
        run_isolated("read", asked, tmp_path, subject="a.parquet", time_s=0.0)


def test_damaged_binary_files_end_in_a_table_or_a_sentence(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["a", "b"] * 20, "label": ["x", "y"] * 20})
    written = io.BytesIO()
    pyarrow.parquet.write_table(table, written)
    sound = {"parquet": written.getvalue(), "arrow": as_arrow(table), "excel": _OLD_EXCEL}
    draw = random.Random(0)
    endings = {"parquet": ".parquet", "arrow": ".arrow", "excel": ".xls"}
    for kind in ("parquet", "arrow", "excel", "parquet"):
        data = bytearray(sound[kind])
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(8, len(data))] = draw.randrange(256)
        path = tmp_path / f"damaged{endings[kind]}"
        path.write_bytes(data)
        try:
            table = read_table(path)
        except InputFileError as error:
            assert "damaged" in str(error)  # noqa: PT017 - either end is right
        else:
            assert isinstance(table, Table)


def test_a_time_zone_that_nobody_knows_is_said_and_its_times_are_given_in_utc(read: Read) -> None:
    moments = pyarrow.array([0, 3_600], pyarrow.timestamp("s", "Mars/Phobos"))
    known = pyarrow.array([0, 3_600], pyarrow.timestamp("s", "Europe/Berlin"))

    table = read("a.arrow", as_arrow(pyarrow.table({"text": ["a", "b"], "at": moments, "local": known})))

    assert table.rows["at"].tolist() == ["1970-01-01T00:00:00+00:00", "1970-01-01T01:00:00+00:00"]
    assert table.rows["local"].tolist() == ["1970-01-01T01:00:00+01:00", "1970-01-01T02:00:00+01:00"]
    assert any("'Mars/Phobos'" in note and "UTC" in note for note in table.notes)


def test_values_that_cannot_be_told_are_refused_by_their_column(read: Read) -> None:
    far = pyarrow.array([2**62], pyarrow.timestamp("s"))
    odd = pyarrow.array([[0]], pyarrow.list_(pyarrow.timestamp("s", "Mars/Phobos")))

    for column in (far, odd):
        with pytest.raises(InputFileError, match=r"Column 'at' contains values of type .*timestamp") as caught:
            read("a.arrow", as_arrow(pyarrow.table({"text": ["a"], "at": column})))
        assert "memory" not in str(caught.value)


def test_too_little_memory_is_not_called_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise pyarrow.lib.ArrowMemoryError("malloc of size 7 failed")

    monkeypatch.setattr(pyarrow.feather, "read_table", no_memory)

    with pytest.raises(MemoryError):
        read_arrow(b"ARROW1", file_name="a", kind="arrow")


def test_a_text_that_is_repeated_is_one_text() -> None:
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x" * 100_000] * 500, "label": ["a", "b"] * 250}), written)

    raw = read_arrow(written.getvalue(), file_name="a", kind="parquet")

    assert len({id(cell) for cell in raw.columns[0]}) == 1
    assert len(raw.columns[0][0] or "") == 100_000


# --- round trips ----------------------------------------------------------------------------------------------------------------

_CELLS = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="_"), max_size=12),
    st.sampled_from(["NA", "None", "null", "1", "1.0", "007", "TRUE", "=1+1", "#N/A", "2024-05-01", " x "]),
)
_ROWS = st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=6).filter(lambda rows: any(cell for row in rows for cell in row))


def _raw_rows(raw: RawTable) -> list[list[str | None]]:
    return [[cell or None for cell in row] for row in zip(*raw.columns, strict=True)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_texts_written_as_parquet_or_arrow_are_read_back_equal(tmp_path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    table = pyarrow.table({"text": [row[0] for row in rows], "label": [row[1] for row in rows]}, _schema())
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.arrow").write_bytes(as_arrow(table))
    expected = [[cell or None for cell in row] for row in rows]

    for kind in ("parquet", "arrow"):
        assert _raw_rows(read_arrow((tmp_path / f"a.{kind}").read_bytes(), file_name="a", kind=kind)) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_texts_written_to_a_workbook_are_read_back_equal(tmp_path: Path, rows: list[tuple[str | None, str | None]]) -> None:
    book = openpyxl.Workbook()
    for number, row in enumerate([("text", "label"), *rows], start=1):
        for place, text in enumerate(row, start=1):
            if text:
                cell = book.active.cell(number, place)
                cell.value = text
                cell.data_type = "s"
    book.save(tmp_path / "a.xlsx")
    expected = [[cell or None for cell in row] for row in rows if any(row)]

    read = _raw_rows(read_sheet((tmp_path / "a.xlsx").read_bytes(), file_name="a", sheet=None))

    assert [row + [None] * (2 - len(row)) for row in read] == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]), ascii_only=st.booleans())
def test_texts_written_as_json_are_read_back_equal(
    read: Read, rows: list[tuple[str | None, str | None]], encoding: str, ascii_only: bool
) -> None:
    records: list[dict[str, Any]] = [{"text": text, "label": label} for text, label in rows]
    expected = [[cell or None for cell in row] for row in rows]
    told = encoding if encoding == "utf-16-le" else None
    whole = json.dumps(records, ensure_ascii=ascii_only).encode(encoding)
    lines = "\n".join(json.dumps(record, ensure_ascii=ascii_only) for record in records).encode(encoding)

    for name, data in (("a.json", whole), ("a.jsonl", lines), ("a.json.gz", gzip.compress(whole))):
        table = read(name, data, encoding=told)
        assert table.rows.to_numpy().tolist() == expected
        assert not table.set_aside


def _schema() -> pyarrow.Schema:
    return pyarrow.schema({"text": pyarrow.string(), "label": pyarrow.string()})
