from hypothesis import given
from hypothesis import strategies as st

from core.training.batches import evaluation_batches, training_batches

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
