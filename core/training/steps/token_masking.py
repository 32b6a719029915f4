"""Hiding some of a text's tokens while training, other ones each time, so that no text can be learned by heart.

Source: D. Shen et al., A simple but tough-to-beat data augmentation approach for natural language understanding and generation,
2020, there called token cutoff.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedTokenizerBase

from core.errors import ConfigError
from core.training.steps.batching import Batch


@dataclass(frozen=True)
class TokenMasking:
    """How tokens are hidden.

    Attributes:
        share: of a text's tokens, from 0 to 1.
        stand_in: id of the token put in the place of a hidden one.
        never: ids of tokens that stay: those that mark where a text begins and ends.
    """

    share: float
    stand_in: int
    never: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, share: float) -> TokenMasking | None:
        """Masking with a model's own mask token; nothing where no token is to be hidden.

        Raises:
            ConfigError: the model has no token that could stand in.
        """
        if not share:
            return None
        stand_in = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
        if stand_in is None:
            raise ConfigError("model.token_masking", f"is {share:g}, but this model has no mask token. Set it to 0.")
        return cls(share, int(stand_in), tuple(tokenizer.all_special_ids))

    def hide(self, batch: Batch) -> Batch:
        """The batch with some tokens hidden, drawn from torch's random numbers; its targets stay what they are."""
        ids = batch.input_ids
        stays = torch.isin(ids, torch.tensor(self.never, dtype=ids.dtype))
        hidden = (torch.rand(ids.shape) < self.share) & ~stays
        return replace(batch, input_ids=ids.masked_fill(hidden, self.stand_in))
