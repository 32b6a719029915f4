"""Cells of protected CSV and TSV files are no formulas, whichever separator a spreadsheet program uses."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.datasets.formula_guard import guarded
from core.datasets.versions.export import FORMATS
from dashboard.shared.downloads import csv_bytes

STARTS = ["=", "+", "-", "@", "＝", "＋", "－", "＠"]
BEFORE = [
    "",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\x00",
    "\ufeff",
    "\u200b",
    "\xa0",
    "\x0b",
    "x;",
    "x; ",
    "x\t",
    "x\n",
    "x\r",
    'x";',
    'x;"',
    "x\n\x00",
]
ATTACKS = [f"{before}{start}cmd|'/C calc'!A0;y" for before in BEFORE for start in STARTS]


def cells(text: str, delimiter: str) -> list[str]:
    """The cells as a spreadsheet program reads them, without the characters it ignores at the start of a cell."""
    csv.field_size_limit(10_000_000)
    rows = csv.reader(io.StringIO(text.replace("\x00", ""), newline=""), delimiter=delimiter)
    unquoted = [part for line in text.replace("\x00", "").splitlines() for part in line.split(delimiter) if delimiter != ","]
    found = [cell for row in rows for cell in row] + unquoted
    return [cell.lstrip('"\ufeff\u200b\xa0\t\r\n\x0b ') for cell in found]


def is_formula(cell: str) -> bool:
    return cell.startswith(tuple(STARTS))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_separator_makes_a_formula_of_a_part_of_a_cell(attack: str) -> None:
    rows = pd.DataFrame({"text": ["harmless", attack], attack: [attack, attack]}, dtype=object)
    files = [FORMATS["csv"].write(rows, True), FORMATS["tsv"].write(rows, True), csv_bytes(rows)]

    for file in files:
        text = file.decode("utf-8-sig")
        for delimiter in ",;\t":
            assert not [cell for cell in cells(text, delimiter) if is_formula(cell)], (delimiter, text)


@given(st.lists(st.text(alphabet=";,\t\n\r\"' x=+-@＝\x00", max_size=12), min_size=1, max_size=4))
def test_no_text_at_all_becomes_a_formula(texts: list[str]) -> None:
    text = csv_bytes(pd.DataFrame({"first": texts, "second": texts}, dtype=object)).decode("utf-8-sig")

    for delimiter in ",;\t":
        assert not [cell for cell in cells(text, delimiter) if is_formula(cell)]


@pytest.mark.parametrize("text", ["a=1", "1-2", "me@example.org", "well-known", "a; b", "a;b=c", "-", "–5", ""])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert guarded(text) == ("'-" if text == "-" else text)


def test_every_cell_of_a_download_is_quoted() -> None:
    file = csv_bytes(pd.DataFrame({"text": ["a;b", "c"], "n": [1.5, -2]})).decode("utf-8-sig")

    assert file == '"text","n"\n"a;b","1.5"\n"c","-2.0"\n'


def test_numbers_are_no_formulas() -> None:
    assert guarded(-1.5) == -1.5


def test_without_the_guard_every_cell_comes_back() -> None:
    rows = pd.DataFrame({"text": ATTACKS}, dtype=object)

    text = csv_bytes(rows, guard=False).decode("utf-8-sig")

    assert [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:] == ATTACKS
