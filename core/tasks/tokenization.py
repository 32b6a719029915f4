"""From a text to its words, and to token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.files.text_patterns import ASCII_WORD, any_word
from core.tasks.base import Encoded
from core.tasks.ragged import RaggedBuilder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


TEXTS_AT_ONCE = 5000
"""Texts per tokenizer call: the tokenizer output of a text takes kilobytes until it is flattened."""

IDS_ALONE = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
"""Keeps a tokenizer from creating unused lists."""


def words(text: str) -> list[tuple[int, int]]:
    """Word boundaries of a raw text: for annotated spans, and for prediction.

    A word is a run of letters and digits with their combining marks. A character of a script written without spaces (Chinese
    characters and Japanese kana) is a word of its own, and so is every other character that is not white space, so that a span
    may begin or end at any punctuation character.

    Returns:
        Start and end (exclusive) of every word, in characters, in the order of the text; words never overlap.
    """
    pattern = ASCII_WORD if text.isascii() else any_word()
    return [match.span() for match in pattern.finditer(text)]


def encode_texts(
    texts: Sequence[str], targets: Sequence[Any] | np.ndarray, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Encoded:
    """One input per text; texts longer than ``max_length`` tokens are truncated and counted."""
    input_ids = RaggedBuilder()
    num_cut = 0
    for some in in_parts(texts):
        whole = tokenizer(some, add_special_tokens=True, **IDS_ALONE)["input_ids"]
        too_long = [i for i, ids in enumerate(whole) if len(ids) > max_length]
        num_cut += len(too_long)
        if too_long:
            cut = tokenizer([some[i] for i in too_long], truncation=True, max_length=max_length)["input_ids"]
            for i, ids in zip(too_long, cut, strict=True):
                whole[i] = ids
        for ids in whole:
            input_ids.append(ids)
    return Encoded(
        input_ids=input_ids.built(), targets=targets, example=np.arange(len(texts)), num_examples=len(texts), num_cut=num_cut
    )


def in_parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts, a few thousand at a time."""
    for first in range(0, len(texts), TEXTS_AT_ONCE):
        yield list(texts[first : first + TEXTS_AT_ONCE])


def examples_of_texts(texts: Sequence[str]) -> pd.DataFrame:
    """Examples with only a text column."""
    return pd.DataFrame({"text": pd.Series(list(texts), dtype=object)})
