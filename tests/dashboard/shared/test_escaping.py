"""Hostile text stays text, wherever it is shown."""

import json

import pandas as pd
import pytest

from core.datasets.formula_guard import guarded
from dashboard.shared.downloads import csv_bytes, file_stem, json_bytes
from dashboard.shared.escaping import distinct_plotly_texts, markdown_text, plotly_text

HOSTILE = [
    "![](http://evil.example/x.png)",
    "<b>bold</b><script>alert(1)</script>",
    "$\\latex$ and $$more$$",
    ":material/delete:",
    ":red[danger] :smile: :streamlit:",
    "[click](javascript:alert(1))",
    "`code` *emphasis* _under_ ~~gone~~",
    "https://evil.example www.evil.example me@evil.example",
    "# Heading\n\n- list\n1. one",
    "a -> b <- c -- d",
]


def _shown(markdown: str) -> str:
    """What markdown built of escapes alone shows: backslashes before punctuation and word joiners are not seen."""
    shown, place = "", 0
    while place < len(markdown):
        if markdown[place] == "\\" and place + 1 < len(markdown):
            place += 1
        shown += markdown[place]
        place += 1
    return shown.replace("\u2060", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_markdown_shows_the_text_itself_on_one_line(text: str) -> None:
    assert _shown(markdown_text(text)) == " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_no_character_that_opens_markdown_is_left_unescaped(text: str) -> None:
    escaped = markdown_text(text)
    for place, character in enumerate(escaped):
        if character in "`*_{}[]<>()#!|~$&":
            assert escaped[place - 1] == "\\"


@pytest.mark.parametrize("opening", [":material/delete:", ":smile:", ":red[x]", "https://a.b", "me@a.b", "www.a.b", "->", "--"])
def test_what_is_rewritten_after_parsing_is_broken_by_a_word_joiner(opening: str) -> None:
    assert "\u2060" in markdown_text(opening)


def test_a_very_long_name_is_cut_with_an_ellipsis() -> None:
    assert _shown(markdown_text("x" * 500, longest=20)) == "x" * 19 + "…"


def test_plotly_reads_no_tag_in_a_label() -> None:
    assert plotly_text("<b>x</b>") == "&lt;b&gt;x&lt;/b&gt;"
    assert "%{" not in plotly_text("%{customdata}")


def test_long_labels_that_look_alike_once_shortened_stay_apart() -> None:
    labels = ["card_payment_" + middle * 30 + "_end" for middle in "ab"]
    assert len(set(distinct_plotly_texts([*labels, labels[0]]))) == 3


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\x00x", "＝x"])
def test_a_cell_that_starts_like_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


def test_numbers_and_plain_text_stay_as_they_are_in_csv() -> None:
    assert guarded(-1.5) == -1.5
    assert guarded("a=1") == "a=1"


def test_csv_guards_cells_and_headers_and_writes_lists_as_json() -> None:
    table = pd.DataFrame({"=head": ["=cmd()"], "labels": [["a", "é"]]})
    text = csv_bytes(table).decode("utf-8-sig")
    assert text.splitlines()[0] == '"\'=head","labels"'
    assert "'=cmd()" in text
    assert json.loads(pd.read_csv(pd.io.common.StringIO(text))["labels"][0]) == ["a", "é"]


def test_without_the_guard_every_cell_comes_back_as_it_was() -> None:
    table = pd.DataFrame({"=head": ["=cmd()", "-1", "\tx", "'quoted"]})

    text = csv_bytes(table, guard=False).decode("utf-8-sig")

    assert pd.read_csv(pd.io.common.StringIO(text), dtype=str).equals(table.astype("str"))


def test_csv_of_an_empty_table_still_has_its_header() -> None:
    assert csv_bytes(pd.DataFrame(columns=["a", "b"])).decode("utf-8-sig").strip() == '"a","b"'


def test_lone_surrogates_do_not_stop_a_download() -> None:
    assert json_bytes(["\ud800"])


def test_a_file_name_keeps_no_path() -> None:
    assert "/" not in file_stem("../../etc/passwd")
    assert file_stem("///") == "tuneboard"
