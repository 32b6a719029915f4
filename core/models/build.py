"""Building a classifier from a pretrained model, and saving and opening a trained one.

A trained model's folder has the layout of ``save_pretrained``: tokenizer, ``model.safetensors``, ``config.json``. Tuneboard's own
metadata is in ``config.json`` under ``tuneboard``. If the head is the architecture's own, transformers can open the folder. If it
is Tuneboard's, ``model_type`` is ``tuneboard``, so that no library loads it without the head by mistake.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from core.errors import ModelError
from core.models.cpu.attention import use_cpu_attention
from core.models.cpu.dropout import use_cpu_dropout
from core.models.cpu.fused_qkv import use_shared_projections
from core.models.encoder_dropout import declare_encoder_dropout, set_encoder_dropout, set_head_dropout
from core.models.heads import ArchitectureClassifier, Classifier, HeadShape, PooledClassifier
from core.models.hub import BUNDLED, ModelInfo, verify_bundled
from core.models.model_card import ModelCard, card_of
from core.models.model_files import check_regular_files, ran_out_of_memory, read_json
from core.models.tfidf_head import TfidfHead
from core.tasks import Task, get_task

# Its progress bars for loading weights do not help a person and fill logs.
transformers_logging.disable_progress_bar()

OUR_MODEL_TYPE = "tuneboard"

_FREE_MEMORY = "Close other programs, or choose a smaller model."

# Weights only as safetensors, never code that came with a model, never the network.
LOADING: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
WEIGHTS: dict[str, Any] = {**LOADING, "use_safetensors": True, "dtype": torch.float32}


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model's folder.

    Raises:
        ModelError: there is none, or it has no fast version, which is needed for token offsets.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, **LOADING)
    except Exception as error:  # noqa: BLE001  (transformers raises whatever its parsers raise; all mean the same to a person)
        raise ModelError(
            f"The tokenizer in model folder {folder.name!r} cannot be read ({type(error).__name__}). "
            "A folder needs tokenizer.json, or the vocabulary files of its tokenizer."
        ) from None
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        lack = "has no fast version (tokenizer.json)" if not tokenizer.is_fast else "has no padding token"
        raise ModelError(f"The tokenizer in model folder {folder.name!r} {lack}, which training needs. Choose another model.")
    return tokenizer


def resolve_pooling(pooling: str, info: ModelInfo, task: Task) -> str:
    """The pooling of a run: the declared one if there is one, else the architecture's own head.

    Token-level tasks do not pool; their head is the architecture's own.
    """
    if task.head_level == "token":
        return "architecture"
    if pooling == "declared":
        return info.pooling or "architecture"
    return pooling


def build_classifier(
    info: ModelInfo,
    task: Task,
    outputs: Sequence[str],
    *,
    pooling: str,
    head: HeadShape,
    encoder_dropout: float | None = None,
) -> Classifier:
    """A pretrained encoder with a new head.

    Args:
        info: the model; its files must be on this machine.
        task: decides the level of the head.
        outputs: names of the head's outputs.
        pooling: as ``resolve_pooling`` returned it.
        head: its shape; for the architecture's own head only its dropout applies.
        encoder_dropout: of the pretrained layers; ``None`` leaves it as pretrained.

    Raises:
        ModelError: the files are not what they should be.
        ConfigError: an encoder dropout is asked of a model that has none.
    """
    if info.folder is None:
        raise ModelError(f"The model {info.reference!r} is not on this machine yet. Download it first.")
    if info.reference == BUNDLED:
        verify_bundled(info.folder)
    try:
        if pooling == "architecture":
            pretrained = _architecture_model(info.folder, task, outputs, encoder_dropout)
        else:
            pretrained = AutoModel.from_pretrained(info.folder, config=_encoder_config(info.folder, encoder_dropout), **WEIGHTS)
    except SafetensorError as error:
        raise ModelError(
            f"The weights of model {info.title!r} are damaged or incomplete. "
            "Copy or download the model again, or choose another one."
        ) from error
    except Exception as error:  # transformers raises whatever its loaders raise; all mean the same to a person
        if ran_out_of_memory(error):
            raise ModelError(f"There is not enough memory to load the model {info.title!r}. {_FREE_MEMORY}") from error
        raise ModelError(
            f"The model {info.title!r} cannot be loaded as a text encoder: {_first_line(error)} Choose another model."
        ) from error
    use_cpu_attention(pretrained)
    use_cpu_dropout(pretrained)
    use_shared_projections(pretrained)
    if pooling == "architecture":
        classifier = ArchitectureClassifier(pretrained)
        if encoder_dropout is not None:
            set_encoder_dropout(classifier.pretrained, encoder_dropout)
        set_head_dropout(classifier, head.dropout)
        return classifier
    if encoder_dropout is not None:
        set_encoder_dropout(pretrained, encoder_dropout)
    _drop_unused_pooler(pretrained)
    return PooledClassifier(pretrained, _hidden_size(pretrained.config), len(outputs), pooling=pooling, head=head)


def save_classifier(classifier: Classifier, tokenizer: PreTrainedTokenizerBase, card: ModelCard, folder: Path) -> None:
    """Save a trained model; ``folder`` must be missing or empty."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    if isinstance(classifier, ArchitectureClassifier):
        classifier.model.config.tuneboard = asdict(card)
        classifier.model.save_pretrained(folder, safe_serialization=True)
        return
    num_word_features = 0 if classifier.words is None else classifier.words.num_features
    card = replace(card, scale=classifier.scale, num_word_features=num_word_features)
    id2label = {str(i): name for i, name in enumerate(card.outputs)}
    config = {
        "model_type": OUR_MODEL_TYPE,
        "architectures": [type(classifier).__name__],
        "id2label": id2label,
        "label2id": {name: i for i, name in enumerate(card.outputs)},
        "encoder": classifier.encoder.config.to_dict(),
        "tuneboard": asdict(card),
    }
    (folder / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def open_classifier(folder: Path) -> tuple[Classifier, PreTrainedTokenizerBase, ModelCard]:
    """Open what ``save_classifier`` wrote.

    Raises:
        ModelError: the folder was not written by Tuneboard, is damaged or cannot be read, or there is not enough memory.
    """
    check_regular_files(folder, folder.name)
    config = read_json(folder / "config.json") or {}
    card = card_of(config, folder.name)
    classifier: Classifier
    try:
        # The plain class, because the model type of Tuneboard's own head is unknown to transformers.
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, **LOADING)
        if card.pooling == "architecture":
            classifier = ArchitectureClassifier(_architecture_class(get_task(card.task)).from_pretrained(folder, **WEIGHTS))
        else:
            raw = dict(config["encoder"])
            encoder = AutoModel.from_config(AutoConfig.for_model(raw.pop("model_type"), **raw))
            _drop_unused_pooler(encoder)
            classifier = PooledClassifier(
                encoder,
                _hidden_size(encoder.config),
                len(card.outputs),
                pooling=card.pooling,
                head=card.head,
            )
            classifier.scale = card.scale
            if card.num_word_features:
                classifier.words = TfidfHead(card.num_word_features, len(card.outputs))
            classifier.load_state_dict(load_file(folder / "model.safetensors"))
    except Exception as error:  # damaged weights raise many kinds of errors; all mean the same to a person
        if ran_out_of_memory(error):
            raise ModelError(
                f"There is not enough memory to open the trained model in {folder.name!r}. {_FREE_MEMORY}"
            ) from error
        raise ModelError(f"The trained model in {folder.name!r} is damaged: {_first_line(error)} Train again.") from error
    classifier.eval()
    return classifier, tokenizer, card


def _encoder_config(folder: Path, dropout: float | None) -> Any:
    config = AutoConfig.from_pretrained(folder, **LOADING)
    if dropout is not None:
        declare_encoder_dropout(config, dropout)
    return config


def _architecture_model(folder: Path, task: Task, outputs: Sequence[str], encoder_dropout: float | None) -> Any:
    config = _encoder_config(folder, encoder_dropout)
    config.id2label = dict(enumerate(outputs))
    config.label2id = {name: i for i, name in enumerate(outputs)}
    if task.head_level == "text":
        config.problem_type = task.problem_type
    return _architecture_class(task).from_pretrained(folder, config=config, ignore_mismatched_sizes=True, **WEIGHTS)


def _architecture_class(task: Task) -> Any:
    return AutoModelForTokenClassification if task.head_level == "token" else AutoModelForSequenceClassification


def _drop_unused_pooler(encoder: Any) -> None:
    """Remove the encoder's own pooler, which would otherwise be saved although it is neither used nor trained."""
    if getattr(encoder, "pooler", None) is not None:
        # An architecture that cannot be built without its pooler always calls it.
        is_optional = "add_pooling_layer" in inspect.signature(type(encoder).__init__).parameters
        encoder.pooler = None if is_optional else torch.nn.Identity()


def _hidden_size(config: Any) -> int:
    return int(config.hidden_size)


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return line if line.endswith((".", "!", "?")) else f"{line}."
