"""What is known of architectures by name, so that a setting that would do nothing is refused before a run is launched.

tests/core/models/test_architectures.py compares each list with what the installed transformers does.
"""

from collections.abc import Mapping
from typing import Any

DEFAULT_PADDING = {"markuplm": 0}
"""Id of the padding token where a config names none; of the others with such positions it is 1."""

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
"""Architectures that count positions from behind the padding token's id, so that the first of them are never used."""

WITHOUT_NUMBERED_LAYERS = frozenset({"albert", "flaubert", "xlm"})
"""Whose layers share weights, or do not stand one after the other by number: no layer can be told from another."""

WITHOUT_CHECKPOINTING = frozenset({"albert", "flaubert", "funnel", "ibert", "markuplm", "mpnet", "squeezebert", "xlm", "xlnet"})
"""For which transformers has no gradient checkpointing."""

WITHOUT_WORD_EMBEDDINGS = frozenset({"canine"})
"""Which read characters and have no table of word vectors."""


def position_limit(config: Mapping[str, Any]) -> int | None:
    """Most tokens for which a model has positions; nothing where its config does not say.

    Args:
        config: content of its ``config.json``.
    """
    declared = (config.get(name) for name in ("max_position_embeddings", "n_positions"))
    positions: int | None = next((value for value in declared if is_count(value)), None)
    architecture = str(config.get("model_type"))
    if positions is None or architecture not in POSITIONS_AFTER_PADDING:
        return positions
    # MPNet counts from behind token 1, whatever the config says.
    padding = config.get("pad_token_id") if architecture != "mpnet" else None
    if not isinstance(padding, int) or isinstance(padding, bool) or padding < 0:
        padding = DEFAULT_PADDING.get(architecture, 1)
    return max(1, positions - padding - 1)


def is_count(value: Any) -> bool:
    """Whether a value of a config is a whole number above 0; JSON's true is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
