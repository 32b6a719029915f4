"""Estimated main memory of a run, and portions that fit into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models.sizes import LONGEST_KEPT, ModelSizes
from core.training.planning.memory_footprint import MIB, MOST_TOKENS, SHARE, Footprint
from core.training.steps.batching import UNDIVIDED, portions

SMALL = ModelSizes(
    num_parameters=22_700_000,
    num_embedding=11_900_000,
    num_layers=6,
    hidden_size=384,
    intermediate_size=1536,
    num_heads=12,
    keeps_scores=False,
)


def footprint(**changed: object) -> Footprint:
    sizes = changed.pop("sizes", SMALL)
    assert isinstance(sizes, ModelSizes)
    values = {
        "sizes": sizes,
        "num_parameters": sizes.num_parameters,
        "num_trained": sizes.num_parameters,
        "num_layers_trained": 6,
    }
    return Footprint(**{**values, **changed})  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 600), min_size=1, max_size=64), st.integers(0, 20_000))
def test_no_portion_takes_more_than_half_of_what_is_left(lengths: list[int], left_mib: int) -> None:
    reckoned = footprint()
    budget = reckoned.budget_bytes(left_mib * MIB)

    divided = portions(
        range(len(lengths)), lengths, 64, start_cost=UNDIVIDED, most=lambda length: reckoned.most_texts(length, budget)
    )

    assert sorted(i for portion in divided for i in portion) == list(range(len(lengths)))
    for portion in divided:
        longest = max(lengths[i] for i in portion)
        taken = len(portion) * reckoned.bytes_of_text(longest) + reckoned.gradient_bytes + reckoned.later_bytes
        assert len(portion) == 1 or taken <= SHARE * left_mib * MIB
        assert len(portion) == 1 or len(portion) * longest <= MOST_TOKENS


def test_scores_count_by_the_square_where_they_are_kept() -> None:
    keeps = ModelSizes(**{**SMALL.__dict__, "keeps_scores": True})
    ours, theirs = footprint(), footprint(sizes=keeps)

    assert ours.bytes_of_text(512) == pytest.approx(2 * ours.bytes_of_text(256), rel=1e-6)
    assert theirs.bytes_of_text(512) > 2.2 * theirs.bytes_of_text(256)
    assert theirs.bytes_of_text(LONGEST_KEPT) == ours.bytes_of_text(LONGEST_KEPT)


def test_layers_precision_optimizer_and_recomputing_count() -> None:
    whole = footprint().bytes_of_text(256)

    assert footprint(num_layers_trained=3).bytes_of_text(256) == pytest.approx(whole * 4 / 7, rel=1e-6)
    assert footprint(precision="bfloat16").bytes_of_text(256) < whole
    assert footprint(recomputes=True).bytes_of_text(256) < whole / 3
    assert footprint(optimizer="sgd").later_bytes < footprint().later_bytes < footprint(is_averaged=True).later_bytes
    assert footprint(num_trained=1000).later_bytes < footprint().later_bytes / 2


def test_where_sizes_are_not_known_the_batch_stays_what_is_fast() -> None:
    unknown = Footprint(sizes=None, num_parameters=10**8, num_trained=10**8, num_layers_trained=0)

    assert unknown.most_texts(512, 10) == MOST_TOKENS // 512
