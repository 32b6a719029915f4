"""The chosen model's tokens for a sample of the texts, read with its own tokenizer and without torch."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.datasets.checks.check_input import CheckInput, ReadingModel

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

MOST_READ = 5_000
"""Texts whose tokens are looked at one by one."""

_LONGEST_READ = 200_000
"""Characters of a text that are turned into tokens."""


def tokenizer_of(model: ReadingModel | None) -> Tokenizer | None:
    """The tokenizer of a model, without cutting and padding; nothing where there is none that can be read here."""
    if model is None or model.folder is None or not (model.folder / "tokenizer.json").is_file():
        return None
    return _open(model.folder / "tokenizer.json")


def encode(check_input: CheckInput, tokenizer: Tokenizer) -> list[Encoding]:
    """Tokens of every text, special ones included."""
    encodings: list[Encoding] = []
    texts = [text[:_LONGEST_READ] for text in check_input.texts]
    for start in range(0, len(texts), 1000):
        encodings += tokenizer.encode_batch(texts[start : start + 1000])
        check_input.progress(min(1.0, (start + 1000) / max(1, len(texts))))
    return encodings


def lengths_of(texts: Sequence[str], tokenizer_file: Path) -> list[int]:
    """Tokens of each text, special ones included; empty where the file cannot be read."""
    tokenizer = _open(tokenizer_file) if tokenizer_file.is_file() else None
    if tokenizer is None:
        return []
    return [len(encoding.ids) for encoding in tokenizer.encode_batch([text[:_LONGEST_READ] for text in texts])]


def unknown_token(model: ReadingModel) -> str | None:
    """What the tokenizer writes for a word it does not know; nothing where it knows every byte."""
    assert model.folder is not None
    try:
        described = json.loads((model.folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        if described.get("unk_token"):
            return str(described["unk_token"])
        place = described.get("unk_id")
        return None if place is None else str(described["vocab"][place][0])
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


@functools.lru_cache(maxsize=4)
def _open(path: Path) -> Tokenizer | None:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # noqa: BLE001 - the library raises a bare Exception for a file it cannot read
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
