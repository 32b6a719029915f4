"""Sizes of a model's parts, read from its files; memory and time per text are estimated from them."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files.text_patterns import EMBEDDING

LONGEST_KEPT = 128
"""Tokens up to which Tuneboard's attention on the CPU stores scores for the backward pass; for longer texts, loading them takes
as long as computing them again."""

LONGEST_HEADER = 100_000_000
"""Most bytes of a safetensors header, as in its own library."""

KEEPS_NO_SCORES = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "data2vec-text",
        "distilbert",
        "electra",
        "ernie",
        "esm",
        "eurobert",
        "mobilebert",
        "modernbert",
        "nomic_bert",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
"""Architectures whose attention implementation can be replaced by Tuneboard's; all others store the scores of every layer."""


@dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """Sizes of a pretrained model.

    Attributes:
        num_parameters: all parameters.
        num_embedding: parameters that are only looked up: word and position embeddings.
        num_layers, hidden_size, intermediate_size, num_heads: of its encoder.
        keeps_scores: whether attention stores a score for each pair of tokens at any length.
    """

    num_parameters: int
    num_embedding: int
    num_layers: int
    hidden_size: int
    intermediate_size: int
    num_heads: int
    keeps_scores: bool

    @property
    def num_computing(self) -> int:
        """Parameters that compute: all but the embeddings."""
        return self.num_parameters - self.num_embedding

    @property
    def num_in_layer(self) -> int:
        """Parameters of one layer."""
        return self.num_computing // self.num_layers


def sizes_of(folder: Path) -> ModelSizes | None:
    """The sizes of the model in a folder; ``None`` if they cannot be read from its files."""
    try:
        files = tuple((path, path.stat().st_mtime_ns) for path in [folder / "config.json", *sorted(folder.glob("*.safetensors"))])
        return _sizes_of(files)
    except OSError:
        return None


@functools.lru_cache(maxsize=64)
def _sizes_of(files: tuple[tuple[Path, int], ...]) -> ModelSizes | None:
    try:
        config: dict[str, Any] = json.loads(files[0][0].read_text(encoding="utf-8"))
        tensors = [tensor for path, _ in files[1:] for tensor in _tensors(path)]
        num_layers = _first(config, "num_hidden_layers", "n_layers", "num_layers")
        hidden = _first(config, "hidden_size", "dim", "d_model")
        is_shared = config.get("model_type") == "albert"  # all layers share the parameters of one
        computing = sum(size for name, size in tensors if not EMBEDDING.search(name))
        return ModelSizes(
            num_parameters=sum(size for _, size in tensors) + (computing * (num_layers - 1) if is_shared else 0),
            num_embedding=sum(size for name, size in tensors if EMBEDDING.search(name)),
            num_layers=num_layers,
            hidden_size=hidden,
            intermediate_size=_first(config, "intermediate_size", "hidden_dim", "d_ff", "ffn_dim", default=4 * hidden),
            num_heads=_first(config, "num_attention_heads", "n_heads", "num_heads", default=max(1, hidden // 64)),
            keeps_scores=config.get("model_type") not in KEEPS_NO_SCORES,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError, OverflowError):
        return None


def _first(config: dict[str, Any], *names: str, default: int | None = None) -> int:
    """The first of these settings that is a valid size.

    Raises:
        KeyError: none is.
    """
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and 0 < value < 10**6:
            return value
    if default is None:
        raise KeyError(names[0])
    return default


def _tensors(path: Path) -> Iterator[tuple[str, int]]:
    """Name and size of every tensor of a safetensors file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LONGEST_HEADER:
            raise ValueError("no safetensors header is that long")
        header: dict[str, Any] = json.loads(file.read(length))
    for name, tensor in header.items():
        if name != "__metadata__":
            yield name, math.prod(int(dimension) for dimension in tensor["shape"])
