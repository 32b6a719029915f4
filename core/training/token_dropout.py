"""Leaving out some of a text's tokens while training, other ones each time, so that no text can be learned by heart.

From each text goes the same share, and not each token by a throw of its own: texts of one length stay of one length, so that
leaving out a tenth also saves a tenth of the time. Where every token has a label of its own, it is hidden instead.

Source: M. Iyyer et al., Deep unordered composition rivals syntactic methods for text classification, 2015, there called word
dropout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedTokenizerBase

from core.errors import ConfigError
from core.training.batches import Batch


@dataclass(frozen=True)
class TokenDropout:
    """How tokens are left out.

    Attributes:
        share: of a text's tokens, from 0 to below 1.
        never: ids of tokens that stay: those that mark where a text begins and ends.
        pad: id of the token that fills up the shorter texts of a batch.
        stand_in: id of the token put in the place of one that is hidden; nothing where tokens are left out.
    """

    share: float
    never: tuple[int, ...]
    pad: int
    stand_in: int | None = None

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, share: float, *, keep_places: bool) -> TokenDropout | None:
        """Dropout of a model's tokens; nothing where none is to be left out.

        Args:
            tokenizer: knows which tokens mean something to the model itself.
            share: of a text's tokens.
            keep_places: hide tokens behind the model's mask token instead of leaving them out.

        Raises:
            ConfigError: tokens are to be hidden, and the model has none that could stand in.
        """
        if not share:
            return None
        never, pad = tuple(tokenizer.all_special_ids), int(tokenizer.pad_token_id)
        if not keep_places:
            return cls(share, never, pad)
        stand_in = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
        if stand_in is None:
            raise ConfigError("model.token_dropout", f"is {share:g}, but this model has no mask token. Set it to 0.")
        return cls(share, never, pad, int(stand_in))

    def apply(self, batch: Batch) -> Batch:
        """The batch without some of its tokens, drawn from torch's random numbers; its targets stay what they are."""
        ids, visible = batch.input_ids, batch.attention_mask.bool()
        candidates = visible & ~torch.isin(ids, torch.tensor(self.never, dtype=ids.dtype))
        chosen = self._choose(candidates)
        if self.stand_in is not None:
            return replace(batch, input_ids=ids.masked_fill(chosen, self.stand_in))
        kept = visible & ~chosen
        places = torch.argsort(kept.to(torch.uint8), dim=1, descending=True, stable=True)
        length = int(kept.sum(dim=1).max())
        return replace(
            batch,
            input_ids=ids.masked_fill(~kept, self.pad).gather(1, places)[:, :length],
            attention_mask=kept.to(batch.attention_mask.dtype).gather(1, places)[:, :length],
        )

    def _choose(self, candidates: torch.Tensor) -> torch.Tensor:
        """Of each text's candidates, bool ``(batch, length)``, its share, rounded up or down by one throw for all; never all."""
        numbers = candidates.sum(dim=1, keepdim=True)
        numbers = torch.minimum((self.share * numbers + torch.rand(())).floor(), numbers - 1)
        draws = torch.rand(candidates.shape).masked_fill(~candidates, 2.0)
        ranks = draws.argsort(dim=1).argsort(dim=1)
        return candidates & (ranks < numbers)
