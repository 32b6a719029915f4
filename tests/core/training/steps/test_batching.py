from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.training.steps.batching import PORTION_START_TOKENS, UNDIVIDED, evaluation_batches, portions, training_batches

lengths = st.lists(st.integers(1, 100), min_size=1, max_size=300)


@given(lengths, st.integers(1, 40), st.integers(0, 5))
def test_every_input_is_trained_on_exactly_once_an_epoch(lengths: list[int], batch_size: int, epoch: int) -> None:
    batches = training_batches(lengths, batch_size, seed=0, epoch=epoch)

    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)


def test_order_depends_on_seed_and_epoch_and_on_nothing_else() -> None:
    lengths = [i % 7 + 1 for i in range(100)]

    first = training_batches(lengths, 8, seed=0, epoch=0)

    assert training_batches(lengths, 8, seed=0, epoch=0) == first
    assert training_batches(lengths, 8, seed=0, epoch=1) != first
    assert training_batches(lengths, 8, seed=1, epoch=0) != first


def test_texts_of_like_length_share_a_batch() -> None:
    lengths = [5] * 50 + [80] * 50

    mixed = [batch for batch in training_batches(lengths, 10, seed=0, epoch=0) if len({lengths[i] for i in batch}) > 1]

    assert mixed == []


@given(lengths, st.integers(1, 40))
def test_evaluation_reads_every_input_once_longest_first(lengths: list[int], batch_size: int) -> None:
    order = [i for batch in evaluation_batches(lengths, batch_size) for i in batch]

    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)


@given(lengths, st.integers(1, 40), st.integers(0, 400))
def test_portions_hold_every_input_of_a_batch_once_and_no_more_than_fit(lengths: list[int], limit: int, start_cost: int) -> None:
    batch = list(range(0, len(lengths), 2))

    divided = portions(batch, lengths, limit, start_cost=start_cost)

    assert sorted(i for portion in divided for i in portion) == batch
    assert all(len(portion) <= limit for portion in divided)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 8), st.integers(0, 40))
def test_no_other_division_of_a_batch_costs_less(lengths: list[int], limit: int, start_cost: int) -> None:
    def cost(groups: list[list[int]]) -> int:
        return sum(start_cost + len(group) * max(lengths[i] for i in group) for group in groups)

    rows = sorted(range(len(lengths)), key=lambda i: lengths[i])
    cuts = [[0, *(i for i in range(1, len(rows)) if mask >> i & 1), len(rows)] for mask in range(0, 2 ** len(rows), 2)]
    divisions = [[rows[start:end] for start, end in pairwise(cut)] for cut in cuts]
    fitting = [groups for groups in divisions if max(map(len, groups)) <= limit]

    assert cost(portions(range(len(lengths)), lengths, limit, start_cost=start_cost)) == min(map(cost, fitting))


def test_a_batch_is_not_divided_for_padding_that_costs_less_than_another_portion() -> None:
    lengths = [8] * 31 + [9 + PORTION_START_TOKENS // 31]

    assert len(portions(range(32), lengths, 32, start_cost=PORTION_START_TOKENS)) == 2
    assert len(portions(range(32), lengths, 32, start_cost=10 * PORTION_START_TOKENS)) == 1
    assert len(portions(range(32), [1] * 16 + [500] * 16, 32, start_cost=UNDIVIDED)) == 1
    assert len(portions(range(32), [1] * 16 + [500] * 16, 16, start_cost=UNDIVIDED)) == 2
    assert portions([], [], 4, start_cost=1) == []
