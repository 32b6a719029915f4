"""CSV and similar formats, as people and programs write them in practice."""

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.table import Table
from core.errors import InputFileError

Read = Callable[..., Table]


def cells(table: Table) -> list[list[str | None]]:
    return table.rows.to_numpy(dtype=object).tolist()


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found_by_what_makes_the_rows_fit(read: Read, delimiter: str) -> None:
    table = read("a.csv", f'text{delimiter}label\n"one, two; three|four\tfive"{delimiter}good\nshort{delimiter}bad\n')

    assert table.reading["delimiter"] == delimiter
    assert cells(table) == [["one, two; three|four\tfive", "good"], ["short", "bad"]]


def test_values_that_programs_like_to_change_stay_as_they_are(read: Read) -> None:
    table = read("a.csv", "text,label\n1,NA\n1.0,None\n01,null\nnan,TRUE\n 1e5 ,-\n")

    assert cells(table) == [["1", "NA"], ["1.0", "None"], ["01", "null"], ["nan", "TRUE"], [" 1e5 ", "-"]]


def test_only_empty_cells_are_missing(read: Read) -> None:
    assert cells(read("a.csv", 'text,label\n,x\n" ",\n"",""\n')) == [[None, "x"], [" ", None], [None, None]]


def test_a_row_with_more_or_fewer_cells_than_the_header_is_set_aside_and_never_shifted(read: Read) -> None:
    table = read("a.csv", "text,label\ngood,a\nbad,b,c\nalone\nfine,d,,\n")

    assert cells(table) == [["good", "a"], ["fine", "d"]]
    assert table.rows.index.tolist() == [1, 4]
    assert [(entry.record, entry.reason[:7]) for entry in table.set_aside] == [(2, "3 cells"), (3, "1 cells")]


def test_more_fields_than_names_in_every_row_is_refused_rather_than_read_as_an_index(read: Read) -> None:
    with pytest.raises(InputFileError, match="as many cells as its header"):
        read("a.csv", "text,label\n1,good,a\n2,bad,b\n")


def test_columns_with_the_same_name_or_none_are_told_apart_and_noted(read: Read) -> None:
    table = read("a.csv", "text,label,label,,label_2\na,b,c,d,e\n")

    assert table.rows.columns.tolist() == ["text", "label", "label_3", "column_4", "label_2"]
    assert any("same name" in note for note in table.notes)
    assert any("without a name" in note for note in table.notes)


def test_records_know_the_line_they_begin_on(read: Read) -> None:
    table = read("a.csv", 'text,label\n"two\nlines",a\n\nnext,b\n')

    assert table.rows.index.tolist() == [1, 2]
    assert table.lines == {1: 2, 2: 5}


def test_tweets_with_lone_quotation_marks_in_a_tsv_do_not_swallow_each_other(read: Read) -> None:
    table = read("a.tsv", 'text\tlabel\n"so he said\tnews\nfine\tother\nanother "quote" here\tnews\n')

    assert cells(table) == [['"so he said', "news"], ["fine", "other"], ['another "quote" here', "news"]]
    assert any("Quotation marks" in note for note in table.notes)


def test_a_quotation_mark_that_is_never_closed_is_reported_where_it_opens(read: Read) -> None:
    table = read("a.csv", 'text,label\n"fine, so far",a\n"oh no,b\nmore, text,c\n')

    assert cells(table) == [["fine, so far", "a"]]
    assert [(entry.record, table.lines[entry.record], entry.content) for entry in table.set_aside] == [
        (2, 3, '"oh no,b'),
        (3, 4, "more, text,c"),
    ]
    assert "never closed" in table.set_aside[0].reason
    assert "may be a part of it" in table.set_aside[1].reason


def test_a_file_with_one_column_keeps_the_commas_of_its_texts(read: Read) -> None:
    assert cells(read("a.csv", "text\nHello, you\nfine\n")) == [["Hello, you"], ["fine"]]


def test_excels_line_that_names_the_separator_is_obeyed_and_is_no_row(read: Read) -> None:
    table = read("a.csv", "sep=;\ntext;label\na,b;c\n")

    assert cells(table) == [["a,b", "c"]]
    assert table.lines == {1: 3}


def test_delimiters_at_the_end_of_every_line_make_no_column(read: Read) -> None:
    table = read("a.csv", "text,label,,\na,x,,\nb,y,,\n")

    assert table.rows.columns.tolist() == ["text", "label"]
    assert not table.notes
    assert read("b.csv", "text,label,\na,x,\nb,y,z\n").rows.columns.tolist() == ["text", "label", "column_3"]


def test_a_tab_is_preferred_where_commas_in_the_texts_fit_as_well(read: Read) -> None:
    assert cells(read("a.csv", "label, x\ttext\nham\tyes, ok\n")) == [["ham", "yes, ok"]]


def test_a_delimiter_that_cannot_part_cells_is_refused_and_one_can_be_called_by_its_name(read: Read) -> None:
    assert cells(read("a.csv", "text\tlabel\na,b\tx\n", delimiter="\\t")) == [["a,b", "x"]]
    for name, delimiter in {"semicolon": ";", "Comma": ",", "tab": "\t", "pipe": "|"}.items():
        assert cells(read("a.csv", f"text{delimiter}label\na{delimiter}x\n", delimiter=name)) == [["a", "x"]]
    for delimiter in ("||", '"', "\n"):
        with pytest.raises(InputFileError, match="is not a valid delimiter"):
            read("a.csv", "text,label\na,b\n", delimiter=delimiter)


def test_old_mac_and_windows_line_ends_are_line_ends(read: Read) -> None:
    for end in ("\r", "\r\n"):
        assert cells(read("a.csv", f"text,label{end}a,b{end}c,d{end}")) == [["a", "b"], ["c", "d"]]


def test_a_text_longer_than_the_csv_modules_own_limit_is_read(read: Read) -> None:
    assert len(str(cells(read("a.csv", f"text,label\n{'x' * 200_000},a\n"))[0][0])) == 200_000


def test_a_file_without_a_header_loses_no_row(read: Read) -> None:
    table = read("a.csv", "".join(f"sentence number {i},{'good' if i % 2 else 'bad'}\n" for i in range(10)))

    assert table.rows.shape == (10, 2)
    assert any("looks like data" in note for note in table.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty"), (" \n\n", "is empty"), ("text,label\n", "no rows below"), ("text,label", "no rows below")],
)
def test_an_empty_file_and_a_lone_header_are_refused(read: Read, content: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        read("a.csv", content)


def test_nul_characters_set_their_record_aside(read: Read) -> None:
    table = read("a.csv", "text,label\nfine,a\nbro\x00ken,b\n")

    assert cells(table) == [["fine", "a"]]
    assert "NUL" in table.set_aside[0].reason


_NAMES = ["text", "label", "note", "extra"]


def _tables(encoding: str) -> st.SearchStrategy[list[list[str]]]:
    characters = st.characters(codec=encoding, exclude_categories=["Cs", "Cc"], exclude_characters="¢£¬‖−〜") | st.sampled_from(
        "\n\r\t\",;|' "
    )
    cell = st.text(characters, max_size=12)
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=8)
    )


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("utf-32", False)]
    + [(name, True) for name in ("cp1252", "gb18030", "cp932", "koi8-r", "utf-16-le")],
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_table_written_as_csv_is_read_back_equal(read: Read, data: st.DataObject, encoding: str, told: bool) -> None:
    delimiter = data.draw(st.sampled_from([",", "\t", ";"]))
    rows = data.draw(_tables("utf-8" if encoding in ("utf-8-sig", "utf-16", "utf-32", "utf-16-le") else encoding))
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(_NAMES[: len(rows[0])])
    writer.writerows(rows)

    table = read("a.csv", written.getvalue().encode(encoding), encoding=encoding if told else None)

    assert cells(table) == [[cell or None for cell in row] for row in rows]
    assert not table.set_aside


@pytest.mark.parametrize("title", ["Tickets of May\n", "Tickets of May;;\n\n", "Tickets of May\r\nmade by Ada\r\n\r\n"])
def test_a_title_above_the_header_is_left_out_and_said(read: Read, title: str) -> None:
    table = read("a.csv", title + "id;text;label\n1;first, one;x\n2;second, one;y\n3;too;many;cells\n")

    assert table.rows.to_numpy().tolist() == [["1", "first, one", "x"], ["2", "second, one", "y"]]
    assert table.lines[1] == title.count("\n") + 2
    assert [entry.record for entry in table.set_aside] == [3]
    assert any("'Tickets of May'" in note for note in table.notes)


def test_a_text_longer_than_the_csv_module_likes_is_read_below_a_title(read: Read) -> None:
    table = read("a.csv", "Tickets of May\ntext,label\nshort,x\n" + "a" * 190_000 + ",y\n")

    assert table.rows["label"].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    "content",
    [
        "text\nhello, world\nmore, of it\n",
        "what people said\nhello, world\nmore, of it\n",
        "comment\nlabel, text\nmore, of it\n",
        "what people said\nno text, no fun\n",
    ],
)
def test_a_column_of_texts_with_commas_keeps_its_first_lines(read: Read, content: str) -> None:
    table = read("a.csv", content)

    assert table.num_records == content.count("\n") - 1
    assert not any("title" in note for note in table.notes)
