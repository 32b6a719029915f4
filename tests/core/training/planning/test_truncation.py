import pytest

from core.training.planning.truncation import cut_at, usual_cuts


def test_a_limit_costs_the_ends_of_longer_texts_and_nothing_else() -> None:
    cut = cut_at([10, 20, 30, 40], 25)

    assert (cut.num_texts, cut.share_of_texts) == (2, 0.5)
    assert cut.share_of_tokens == pytest.approx((5 + 15) / 100)
    assert cut_at([10, 20], 20).num_texts == cut_at([], 8).num_texts == 0


def test_the_usual_limits_that_cut_anything_are_told_up_to_the_largest() -> None:
    assert [cut.limit for cut in usual_cuts([5, 20, 200])] == [32, 64, 128]
    assert [cut.limit for cut in usual_cuts([5, 17])] == [16]
    assert usual_cuts([5, 16]) == usual_cuts([]) == []
