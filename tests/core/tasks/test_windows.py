from hypothesis import given
from hypothesis import strategies as st

from core.tasks.token_classification import first_tokens
from core.tasks.windows import num_windows, owner, windows


@given(num_tokens=st.integers(0, 200), size=st.integers(1, 40), data=st.data())
def test_windows_cover_every_token_and_stay_within_the_size(num_tokens: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))

    found = windows(num_tokens, size, overlap)

    assert {i for window in found for i in range(window.start, window.end)} == set(range(num_tokens))
    assert all(window.start >= 0 and window.end - window.start <= size for window in found)
    assert [window.start for window in found] == sorted({window.start for window in found})


@given(num_tokens=st.integers(0, 200), size=st.integers(1, 40), data=st.data())
def test_windows_can_be_counted_without_making_them(num_tokens: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))

    assert num_windows(num_tokens, size, overlap) == len(windows(num_tokens, size, overlap))


@given(num_tokens=st.integers(1, 200), size=st.integers(1, 40), data=st.data())
def test_every_token_has_an_owner_that_shows_it(num_tokens: int, size: int, data: st.DataObject) -> None:
    found = windows(num_tokens, size, data.draw(st.integers(0, size - 1)))

    for position in range(num_tokens):
        window = found[owner(position, found)]
        assert window.start <= position < window.end


def test_a_token_in_the_overlap_belongs_where_it_has_more_context() -> None:
    found = windows(num_tokens=16, size=10, overlap=4)

    assert [(window.start, window.end) for window in found] == [(0, 10), (6, 16)]
    assert [owner(position, found) for position in range(16)] == [0] * 8 + [1] * 8


@given(num_tokens=st.integers(1, 200), size=st.integers(2, 40), data=st.data())
def test_no_window_shows_a_token_more_context_than_its_owner(num_tokens: int, size: int, data: st.DataObject) -> None:
    """Context is counted on the shorter side; with an overlap of two tokens, every word has some context within a text."""
    overlap = data.draw(st.integers(0, size - 1))
    found = windows(num_tokens, size, overlap)

    for position in range(num_tokens):
        shown = [
            min(position - window.start, window.end - 1 - position) for window in found if window.start <= position < window.end
        ]
        mine = found[owner(position, found)]
        context = min(position - mine.start, mine.end - 1 - position)
        assert context == max(shown)
        assert context > 0 or position in (0, num_tokens - 1) or overlap < 2 or size < 3


def test_first_token_of_each_word_even_where_a_token_holds_the_space_before_it() -> None:
    # "ab cd" as tokenized by SentencePiece: "ab", " c", "d".
    assert first_tokens([(0, 2), (2, 4), (4, 5)], starts=[0, 3], ends=[2, 5]) == {0: 0, 1: 1}


def test_a_word_without_a_token_is_left_out() -> None:
    assert first_tokens([(0, 2), (4, 6)], starts=[0, 2, 4], ends=[2, 3, 6]) == {0: 0, 2: 1}
