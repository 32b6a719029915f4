"""Normal forms equal those of Unicode, and a stack of marks takes no longer than other text of its length."""

import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.normal_forms import LONGEST_PIECE, normalize
from tests.cpu_time import grows_in_proportion

FORMS: tuple[Literal["NFC", "NFKC"], ...] = ("NFC", "NFKC")
LETTERS = "aé\u0301\u0316中ｶﾞ\u1112\u1161\u11ab각\ufb01\u0958 .\n"


@pytest.mark.parametrize("form", FORMS)
@given(words=st.lists(st.text(alphabet=LETTERS, max_size=30), max_size=200))
def test_a_text_of_words_gets_its_normal_form_whatever_its_length(form: Literal["NFC", "NFKC"], words: list[str]) -> None:
    text = " ".join(words)

    assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("letter", ["中", "中e\u0301", "a\u0301", "\u304b\u3099。"])
def test_a_long_text_without_spaces_gets_its_normal_form(form: Literal["NFC", "NFKC"], letter: str) -> None:
    for shift in range(4):
        text = "x" * shift + letter * (3 * LONGEST_PIECE)

        assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
def test_a_stack_of_marks_takes_its_share_of_time(form: Literal["NFC", "NFKC"]) -> None:
    def work(size: int) -> Callable[[], object]:
        text = "a" + "\u0301\u0316" * size
        return lambda: normalize(form, text)

    assert grows_in_proportion(work, 10_000)
