"""Random models of many architectures, small enough to build in a moment."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

NUM_POSITIONS = 20

_SMALL: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "embedding_size": 32,
    "emb_dim": 32,
    "dim": 32,
    "d_model": 32,
    "n_embd": 32,
    "intermediate_size": 64,
    "hidden_dim": 64,
    "d_inner": 64,
    "num_hidden_layers": 2,
    "n_layers": 2,
    "n_layer": 2,
    "num_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "n_heads": 2,
    "n_head": 2,
    "num_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": NUM_POSITIONS,
    "n_positions": NUM_POSITIONS,
}
"""Names that architectures have for their sizes; each takes those that it knows."""

_PARTICULAR: dict[str, dict[str, Any]] = {
    "canine": {"local_transformer_stride": 4},
    "funnel": {"block_sizes": [1, 1], "block_repeats": [1, 1], "d_head": 16, "architectures": ["FunnelModel"]},
    "lilt": {"hidden_size": 48, "channel_shrink_ratio": 4},
    "longformer": {"attention_window": 4},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 8},
    "markuplm": {
        "max_depth": 2,
        "max_xpath_tag_unit_embeddings": 9,
        "max_xpath_subs_unit_embeddings": 9,
        "tag_pad_id": 8,
        "subs_pad_id": 8,
        "xpath_unit_hidden_size": 4,
    },
    "mobilebert": {"intra_bottleneck_size": 32, "true_hidden_size": 32},
    "reformer": {"axial_pos_shape": (4, 5), "axial_pos_embds_dim": (16, 16)},
    "roc_bert": {"pronunciation_vocab_size": 9, "shape_vocab_size": 9},
    "xlnet": {"d_head": 16},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}

_UNSETTABLE = {
    "funnel": ("num_hidden_layers", "num_layers", "n_layer", "n_layers"),
    "xlnet": ("max_position_embeddings",),
}
"""Names that an architecture has and does not let anybody set by themselves."""

ENCODERS = (
    "albert", "bert", "big_bird", "camembert", "canine", "convbert", "data2vec-text", "deberta", "deberta-v2", "distilbert",
    "electra", "ernie", "esm", "esmc", "eurobert", "flaubert", "fnet", "funnel", "gte", "ibert", "jina_embeddings_v3", "layoutlm",
    "lilt", "longformer", "luke", "markuplm", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra", "nomic_bert",
    "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "squeezebert", "ultrabert", "xlm",
    "xlm-roberta", "xlm-roberta-xl", "xlnet", "xmod", "yoso",
)  # fmt: skip
"""Model types of encoders that read text alone and for which transformers has heads for texts and for tokens."""

DECODERS = ("bloom", "gemma", "gpt2", "gpt_neox", "llama", "mistral", "mpt", "opt", "phi", "qwen2", "qwen3", "stablelm")
"""Model types of decoders that can be fine-tuned to classify as well."""

KNOWN = tuple(name for name in (*ENCODERS, *DECODERS) if name in CONFIG_MAPPING)
"""Those that the installed transformers knows: older ones lack the newest."""


def tiny_config(model_type: str, **changes: Any) -> Any:
    """A small config of an architecture."""
    plain = CONFIG_MAPPING[model_type]()
    small = {
        name: value for name, value in _SMALL.items() if hasattr(plain, name) and name not in _UNSETTABLE.get(model_type, ())
    }
    padding = plain.pad_token_id if isinstance(plain.pad_token_id, int) and 0 <= plain.pad_token_id < 99 else 1
    return AutoConfig.for_model(model_type, **{**small, "pad_token_id": padding, **_PARTICULAR.get(model_type, {}), **changes})


def tiny_encoder(model_type: str, **changes: Any) -> Any:
    """A random encoder of an architecture, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModel.from_config(tiny_config(model_type, **changes)).eval()
