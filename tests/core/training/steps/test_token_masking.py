from pathlib import Path

import pytest
import torch

from core.models.build import load_tokenizer
from core.training.steps.batching import Batch
from core.training.steps.token_masking import TokenMasking


def batch_of(ids: torch.Tensor) -> Batch:
    return Batch(ids, torch.ones_like(ids), targets=torch.zeros(len(ids)))


def test_about_the_share_asked_for_is_hidden_and_marks_and_padding_stay() -> None:
    torch.manual_seed(0)
    ids = torch.randint(10, 100, (200, 50))
    ids[:, 0], ids[:, -1], ids[:, -5:-1] = 2, 3, 0

    hidden = TokenMasking(0.2, stand_in=4, never=(0, 2, 3, 4)).hide(batch_of(ids))

    words = (ids >= 10) & (hidden.input_ids != ids)
    assert (hidden.input_ids[words] == 4).all()
    assert words.sum().item() / (ids >= 10).sum().item() == pytest.approx(0.2, abs=0.02)
    assert torch.equal(hidden.input_ids[ids < 10], ids[ids < 10])
    assert hidden.targets is not None


def test_other_tokens_are_hidden_each_time_and_the_same_after_the_same_random_state() -> None:
    masking = TokenMasking(0.3, stand_in=4, never=())
    ids = torch.full((4, 40), 9)
    state = torch.get_rng_state()
    first, second = masking.hide(batch_of(ids)).input_ids, masking.hide(batch_of(ids)).input_ids
    assert not torch.equal(first, second)
    torch.set_rng_state(state)
    assert torch.equal(masking.hide(batch_of(ids)).input_ids, first)


def test_the_model_s_own_mask_token_stands_in(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    masking = TokenMasking.of(tokenizer, 0.1)
    assert masking is not None
    assert masking.stand_in == tokenizer.mask_token_id
    assert set(masking.never) >= {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    assert TokenMasking.of(tokenizer, 0.0) is None
