"""Turning texts into token ids for tasks that give one answer a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.tasks.base import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_texts(texts: Sequence[str], targets: list[Any], tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encoded:
    """One input a text; texts longer than ``max_length`` tokens lose their end, and are counted."""
    input_ids: list[list[int]] = []
    num_cut = 0
    if len(texts):
        whole = tokenizer(list(texts), add_special_tokens=True, verbose=False)["input_ids"]
        too_long = [i for i, ids in enumerate(whole) if len(ids) > max_length]
        input_ids, num_cut = whole, len(too_long)
        if too_long:
            cut = tokenizer([texts[i] for i in too_long], truncation=True, max_length=max_length)["input_ids"]
            for i, ids in zip(too_long, cut, strict=True):
                input_ids[i] = ids
    return Encoded(input_ids=input_ids, targets=targets, example=np.arange(len(texts)), num_examples=len(texts), num_cut=num_cut)


def examples_of_texts(texts: Sequence[str]) -> pd.DataFrame:
    """Examples that have nothing but their text."""
    return pd.DataFrame({"text": pd.Series(list(texts), dtype=object)})
