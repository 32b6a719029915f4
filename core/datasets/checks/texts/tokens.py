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
"""Most texts that are tokenized for the checks."""

_LONGEST_READ = 200_000
"""Most characters of a text that are tokenized."""


def tokenizer_of(model: ReadingModel | None) -> Tokenizer | None:
    """The tokenizer of a model, without truncation and padding; ``None`` if there is none that can be read here."""
    if model is None or model.folder is None or not (model.folder / "tokenizer.json").is_file():
        return None
    return _open(model.folder / "tokenizer.json")


def encode(check_input: CheckInput, tokenizer: Tokenizer) -> list[Encoding]:
    """Tokens of every text, special tokens included."""
    encodings: list[Encoding] = []
    texts = [text[:_LONGEST_READ] for text in check_input.texts]
    for start in range(0, len(texts), 1000):
        encodings += tokenizer.encode_batch(texts[start : start + 1000])
        check_input.progress(min(1.0, (start + 1000) / max(1, len(texts))))
    return encodings


def lengths_of(texts: Sequence[str], tokenizer_file: Path) -> list[int]:
    """Tokens of each text, special tokens included; empty if the tokenizer file cannot be read."""
    tokenizer = _open(tokenizer_file) if tokenizer_file.is_file() else None
    if tokenizer is None:
        return []
    return [len(encoding.ids) for encoding in tokenizer.encode_batch([text[:_LONGEST_READ] for text in texts])]


def unknown_token(model: ReadingModel) -> str | None:
    """The tokenizer's unknown token; ``None`` if its vocabulary covers every byte."""
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
