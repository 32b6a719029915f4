"""Known properties of architectures, so that a setting without effect is refused before a run is launched.

tests/core/models/test_architectures.py compares each list with what the installed transformers does.
"""

from collections.abc import Mapping
from typing import Any

DEFAULT_PADDING = {"markuplm": 0}
"""Padding token id if a config has none; for the other architectures with such positions it is 1."""

POSITIONS_AFTER_PADDING = frozenset(
    {
        "camembert",
        "data2vec-text",
        "esm",
        "ibert",
        "layoutlmv3",
        "lilt",
        "longformer",
        "luke",
        "markuplm",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
"""Architectures whose positions start after the padding token's id, so that the first ones are never used."""

WITHOUT_NUMBERED_LAYERS = frozenset({"albert", "flaubert", "xlm"})
"""Architectures without numbered layers: their layers share weights or have no numbers in their parameters' names."""

WITHOUT_CHECKPOINTING = frozenset({"albert", "flaubert", "funnel", "ibert", "markuplm", "mpnet", "squeezebert", "xlm", "xlnet"})
"""Architectures for which transformers has no gradient checkpointing."""

WITHOUT_WORD_EMBEDDINGS = frozenset({"canine"})
"""Architectures that read characters and have no word embeddings."""


def position_limit(config: Mapping[str, Any]) -> int | None:
    """Number of positions of a model, in tokens; ``None`` if its config does not declare it.

    Args:
        config: content of its ``config.json``.
    """
    declared = (config.get(name) for name in ("max_position_embeddings", "n_positions"))
    positions: int | None = next((value for value in declared if is_count(value)), None)
    architecture = str(config.get("model_type"))
    if positions is None or architecture not in POSITIONS_AFTER_PADDING:
        return positions
    # MPNet's positions start after 1, whatever the config says.
    padding = config.get("pad_token_id") if architecture != "mpnet" else None
    if not isinstance(padding, int) or isinstance(padding, bool) or padding < 0:
        padding = DEFAULT_PADDING.get(architecture, 1)
    return max(1, positions - padding - 1)


def is_count(value: Any) -> bool:
    """Whether a value of a config is an integer above 0; JSON's true does not count."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
