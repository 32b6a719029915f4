"""Word boundaries of raw text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tasks.tokenization import words


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna's cat, aged 3.5!", ["Anna", "'", "s", "cat", ",", "aged", "3", ".", "5", "!"]),
        ("  two\twords\u3000here\u00a0now ", ["two", "words", "here", "now"]),
        ("我住在Berlin市", ["我", "住", "在", "Berlin", "市"]),
        ("カタカナとひら", ["カ", "タ", "カ", "ナ", "と", "ひ", "ら"]),
        ("아주 좋은", ["아주", "좋은"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("snake_case", ["snake", "_", "case"]),
        ("😀👍🏽", ["😀", "👍", "🏽"]),
        ("𠮷野", ["𠮷", "野"]),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_and_everything_else_stands_alone(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text())
def test_words_cover_every_character_but_white_space_once_and_in_order(text: str) -> None:
    found = words(text)

    assert all(end <= start for (_, end), (start, _) in pairwise(found))
    covered = {place for start, end in found for place in range(start, end)}
    assert covered == {place for place, character in enumerate(text) if not character.isspace()}


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_ascii_is_split_the_same_way_in_company(text: str) -> None:
    assert split(text + " é") == [*split(text), "é"]
