"""Token masking: some of a text's tokens are masked during training, drawn again each time, which reduces overfitting.

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
    """Masks random tokens of a batch.

    Attributes:
        share: share of a text's tokens, from 0 to 1.
        stand_in: id of the mask token.
        never: ids of tokens that are never masked: the special tokens.
    """

    share: float
    stand_in: int
    never: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, share: float) -> TokenMasking | None:
        """Masking with a model's own mask token; ``None`` if ``share`` is 0.

        Raises:
            ConfigError: the tokenizer has neither a mask token nor an unknown token.
        """
        if not share:
            return None
        stand_in = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
        if stand_in is None:
            raise ConfigError("model.token_masking", f"is {share:g}, but this model has no mask token. Set it to 0.")
        return cls(share, int(stand_in), tuple(tokenizer.all_special_ids))

    def hide(self, batch: Batch) -> Batch:
        """The batch with some tokens masked, drawn from torch's random numbers; its targets stay the same."""
        ids = batch.input_ids
        stays = torch.isin(ids, torch.tensor(self.never, dtype=ids.dtype))
        hidden = (torch.rand(ids.shape) < self.share) & ~stays
        return replace(batch, input_ids=ids.masked_fill(hidden, self.stand_in))
