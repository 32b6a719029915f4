from pathlib import Path

import pytest
import torch

from core.models.building import load_tokenizer
from core.training.batches import Batch, pad
from core.training.token_dropout import TokenDropout

BEGIN, END, PAD, MASK = 2, 3, 1, 4
LEAVES_OUT = TokenDropout(0.2, never=(PAD, BEGIN, END, MASK), pad=PAD)


def texts(*lengths: int) -> Batch:
    """Texts of rising ids between marks, so that the order can be seen."""
    return pad([[BEGIN, *range(10, 10 + length), END] for length in lengths], PAD)


def rows(batch: Batch) -> list[list[int]]:
    return [ids[seen.bool()].tolist() for ids, seen in zip(batch.input_ids, batch.attention_mask, strict=True)]


def test_each_text_loses_its_share_keeps_its_marks_and_its_order() -> None:
    torch.manual_seed(0)
    for row, length in zip(rows(LEAVES_OUT.apply(texts(50, 20, 10, 5))), (50, 20, 10, 5), strict=True):
        assert len(row) - 2 == length - length // 5
        assert (row[0], row[-1]) == (BEGIN, END)
        assert row[1:-1] == sorted(set(row[1:-1]))


def test_the_batch_gets_shorter_and_what_is_not_seen_is_padding() -> None:
    torch.manual_seed(0)
    shorter = LEAVES_OUT.apply(texts(50, 20, 10, 5))
    assert shorter.input_ids.shape == shorter.attention_mask.shape == (4, 42)
    assert (shorter.input_ids[shorter.attention_mask == 0] == PAD).all()


def test_over_many_texts_the_share_is_the_one_asked_for_though_each_has_few_tokens() -> None:
    torch.manual_seed(0)
    left = sum(len(row) - 2 for _ in range(300) for row in rows(LEAVES_OUT.apply(texts(7, 3))))
    assert left / (300 * 10) == pytest.approx(0.8, abs=0.02)


def test_no_text_loses_everything() -> None:
    torch.manual_seed(0)
    greedy = TokenDropout(0.99, never=(), pad=PAD)
    batch = pad([[7], [8, 9], []], PAD)
    assert [len(row) for row in rows(greedy.apply(batch))] == [1, 1, 0]


def test_other_tokens_are_left_out_each_time_and_the_same_after_the_same_random_state() -> None:
    state = torch.get_rng_state()
    first, second = (LEAVES_OUT.apply(texts(40)).input_ids for _ in range(2))
    assert not torch.equal(first, second)
    torch.set_rng_state(state)
    assert torch.equal(LEAVES_OUT.apply(texts(40)).input_ids, first)


def test_where_places_are_kept_the_model_s_mask_token_stands_in(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    hides = TokenDropout.of(tokenizer, 0.5, keep_places=True)
    assert hides is not None
    ids = tokenizer(["red green blue red green blue"], return_tensors="pt")
    hidden = hides.apply(Batch(ids["input_ids"], ids["attention_mask"], targets=torch.zeros(1)))
    assert hidden.input_ids.shape == ids["input_ids"].shape
    changed = hidden.input_ids != ids["input_ids"]
    assert (hidden.input_ids[changed] == tokenizer.mask_token_id).all()
    assert changed.sum().item() == (ids["input_ids"].shape[1] - 2) // 2
    assert hidden.targets is not None
    assert TokenDropout.of(tokenizer, 0.0, keep_places=True) is None
