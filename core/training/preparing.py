"""From what a person chose to a complete run config, and what it will mean, before anything is started.

Loads no torch: a page asks this on every change of a form.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import DataConfig, RunConfig
from core.datasets.dataset import Dataset
from core.devices import machine
from core.errors import ConfigError, DatasetError, shown
from core.models.catalogue import ModelInfo, describe
from core.tasks import get_task
from core.training.combinations import check_combinations, without_unread
from core.training.recipes import Facts, Recommendation, batch_size_of, get_recipe
from core.training.token_limits import cut_at

LENGTH_SAMPLE = 2000
"""Texts whose tokens are counted to foresee lengths and times."""

TRAINING_FLOPS_PER_TOKEN = 6
"""Per parameter outside of the embeddings: forward 2, backward 4.

Source: J. Kaplan et al., Scaling laws for neural language models, 2020, section 2.1.
"""

CORE_FLOPS = {True: 110e9, False: 30e9}
"""What one processor core achieves in training, with native bfloat16 and without; measured, see benchmarks/RESULTS.md."""

GPU_FLOPS = 20e12
"""What a usual GPU achieves in training small encoders."""

STARTING_S = 6.0
"""Seconds from launch to the first step: imports, data, model."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What a run will do.

    Attributes:
        num_examples: rows of each split.
        device, precision: in words, as far as can be told without loading torch.
        estimated_s: rough duration; nothing where the model is not here yet.
        median_tokens, longest_tokens: lengths of the texts in the model's tokens, on a sample.
        token_lengths: length of each text of the sample, in the model's tokens.
        num_cut: texts of the sample longer than ``max_length``; ``num_sampled`` is its size.
        share_of_tokens_cut: how much of the sample's tokens they lose, from 0 to 1.
        notes: what a person should know before launch.
    """

    num_examples: dict[str, int]
    steps_per_epoch: int
    total_steps: int
    epochs: int
    device: str
    precision: str
    estimated_s: float | None
    max_length: int
    median_tokens: int | None = None
    longest_tokens: int | None = None
    num_cut: int = 0
    num_sampled: int = 0
    share_of_tokens_cut: float = 0.0
    token_lengths: Sequence[int] = ()
    notes: list[str] = field(default_factory=list)


def new_run_config(
    dataset: Dataset,
    *,
    hub_folder: Path,
    model: str = "bundled",
    recipe: str = "automatic",
    values: Mapping[str, Any] | None = None,
) -> tuple[RunConfig, dict[str, str]]:
    """A complete config for a data set, and why the recipe chose what it chose.

    Args:
        dataset: what to learn from.
        hub_folder: where downloaded models are kept.
        model: a model reference.
        recipe: name of the recipe that fills in everything.
        values: fields, dotted or bare, that a person set; they win over the recipe.

    Raises:
        ConfigError: a field, value or recipe is not known or not allowed.
        ModelError: the model reference leads nowhere.
        DatasetError: the data set cannot be trained on.
    """
    values = dict(values or {})
    for name in ("model", "model.model"):
        model = values.pop(name, model)
    info = describe(model, hub_folder)
    if info.folder is not None and Path(model).expanduser().is_dir():
        model = str(info.folder)  # a relative path means another folder to the worker
    recommendation = _fitting(get_recipe(recipe).recommend(facts_of(dataset, info)), info)
    config = RunConfig(data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task), recipe=recipe)
    config = config.with_values({"model.model": model, **recommendation.values}).with_values(values)
    complete = without_unread(config, values)
    check_config(complete, dataset, info)
    holds = {name for name in recommendation.reasons if complete.reads(name) and complete.value(name) == config.value(name)}
    return complete, {name: why for name, why in recommendation.reasons.items() if name in holds}


def _fitting(recommendation: Recommendation, info: ModelInfo) -> Recommendation:
    """What a recipe chose, without hidden words where the model has nothing to put in their place."""
    return recommendation if info.can_hide_tokens else recommendation.without("token_masking")


def check_config(config: RunConfig, dataset: Dataset, info: ModelInfo) -> None:
    """Refuse what no single field can know: settings that do not fit task, data set or model.

    Raises:
        ConfigError: a setting does not fit.
        DatasetError: the data set lacks a split that training needs.
    """
    task = get_task(dataset.task)
    for split in ("train", "validation", "test"):
        if not dataset.num_examples.get(split):
            raise DatasetError(
                f"The data set has no {split} examples; training needs all three splits. Import it again with one."
            )
    if config.head.head == "cosine" and not has_pooled_head(config, task.head_level, info):
        raise ConfigError(
            "head.head", "is cosine, which needs one pooled vector a text. Choose pooling mean, first or max, or head linear."
        )
    if config.model.token_masking and not info.can_hide_tokens:
        raise ConfigError(
            "model.token_masking",
            f"is {config.model.token_masking:g}, but {info.title} has no token to put in the place of a hidden one. Set it to 0.",
        )
    metric = config.training.selection_metric
    known = task.selection_metrics
    if metric is not None and metric not in known:
        raise ConfigError("training.selection_metric", f"is {shown(metric)}; for this task expected one of {', '.join(known)}.")
    longest = config.model.max_length
    if longest is not None and longest > info.max_length:
        raise ConfigError(
            "model.max_length", f"is {longest}, but {info.title} reads at most {info.max_length} tokens. Choose that or less."
        )
    if config.learning.trainable == "top_layers" and info.num_layers and config.learning.top_layers > info.num_layers:
        raise ConfigError(
            "learning.top_layers",
            f"is {config.learning.top_layers}, but {info.title} has {info.num_layers} layers. Choose at most {info.num_layers}.",
        )
    if config.compute.precision == "float16" and config.compute.device == "automatic" and machine().gpu is None:
        raise ConfigError(
            "compute.precision", "is float16, but this machine trains on its processor. Choose automatic, bfloat16 or float32."
        )
    if config.model.pooling not in {"declared", "architecture"} and task.head_level == "token":
        raise ConfigError(
            "model.pooling", f"is {config.model.pooling!r}, but {task.title.lower()} needs no pooling. Leave it as declared."
        )
    check_combinations(
        config,
        task,
        machine(),
        total_steps=_steps_per_epoch(config, dataset.num_examples["train"]) * config.training.epochs,
        pooled_head=has_pooled_head(config, task.head_level, info),
    )


def _steps_per_epoch(config: RunConfig, num_train: int) -> int:
    return -(-num_train // (batch_size_of(config, num_train) * config.training.gradient_accumulation))


def has_pooled_head(config: RunConfig, head_level: str, info: ModelInfo) -> bool:
    """Whether the head will be ours, on one vector a text, and not the architecture's own."""
    pooling = (info.pooling or "architecture") if config.model.pooling == "declared" else config.model.pooling
    return head_level == "text" and pooling != "architecture"


def facts_of(dataset: Dataset, info: ModelInfo) -> Facts:
    """What a recipe may know of a data set, a model and this machine."""
    counts = dataset.label_counts.get("train", {})
    return Facts(
        head_level=get_task(dataset.task).head_level,
        exclusive_labels=get_task(dataset.task).exclusive_labels,
        num_train=dataset.num_examples.get("train", 0),
        num_labels=len(dataset.labels),
        smallest_label=min(counts.values(), default=0),
        largest_label=max(counts.values(), default=0),
        num_parameters=info.num_parameters,
        num_layers=info.num_layers,
        pooling=info.pooling,
        max_length=info.max_length,
        token_lengths=_token_lengths(info, dataset),
        has_gpu=machine().gpu is not None,
        native_bfloat16=machine().native_bfloat16,
    )


def plan(config: RunConfig, dataset: Dataset, info: ModelInfo) -> TrainingPlan:
    """Foresee a run: steps, lengths, device and a rough time."""
    num_train = dataset.num_examples["train"]
    steps_per_epoch = _steps_per_epoch(config, num_train)
    limit = min(config.model.max_length or info.max_length, info.max_length)
    lengths = _token_lengths(info, dataset)
    here = machine()
    on_gpu = here.gpu is not None and config.compute.device != "cpu"
    bfloat16 = config.compute.precision in {"automatic", "bfloat16"} and here.native_bfloat16
    cut = cut_at(lengths, limit)
    # Where every word is answered for, long texts are read in overlapping windows and lose nothing.
    num_cut, share_of_tokens_cut = (
        (0, 0.0) if get_task(dataset.task).head_level == "token" else (cut.num_texts, cut.share_of_tokens)
    )
    notes = []
    if info.needs_download:
        notes.append(f"The model {info.reference} will be downloaded from the hub first; nothing of your data is sent.")
    if num_cut:
        notes.append(
            f"At most {limit} tokens are read: {num_cut:,} of {len(lengths):,} training texts looked at "
            f"({_percent(cut.share_of_texts)}) lose their end, {_percent(share_of_tokens_cut)} of all tokens."
        )
    elif cut.num_texts:
        notes.append(
            f"{cut.num_texts:,} of {len(lengths):,} training texts looked at are longer than {limit} tokens; "
            "they are read in overlapping windows and lose nothing."
        )
    return TrainingPlan(
        num_examples=dict(dataset.num_examples),
        steps_per_epoch=steps_per_epoch,
        total_steps=steps_per_epoch * config.training.epochs,
        epochs=config.training.epochs,
        device=here.title if on_gpu or here.gpu is None else f"processor, {here.cores} cores",
        precision="bfloat16" if bfloat16 else "float32" if config.compute.precision == "automatic" else config.compute.precision,
        estimated_s=_estimate_s(config, dataset, info, lengths, limit, on_gpu=on_gpu, bfloat16=bfloat16),
        max_length=limit,
        median_tokens=sorted(lengths)[len(lengths) // 2] if lengths else None,
        longest_tokens=max(lengths, default=None),
        num_cut=num_cut,
        num_sampled=len(lengths),
        share_of_tokens_cut=share_of_tokens_cut,
        token_lengths=lengths,
        notes=notes,
    )


def _percent(share: float) -> str:
    return "under 0.1%" if 0 < share < 0.001 else f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def _estimate_s(
    config: RunConfig, dataset: Dataset, info: ModelInfo, lengths: Sequence[int], limit: int, *, on_gpu: bool, bfloat16: bool
) -> float | None:
    if info.num_parameters is None or not lengths:
        return None
    tokens_per_example = sum(min(length, limit) for length in lengths) / len(lengths)
    working_parameters = max(1.0, 0.5 * info.num_parameters)  # about half of a small encoder are embeddings, which cost nothing
    trained = dataset.num_examples["train"] * config.training.epochs
    # A forward pass alone costs a third; validation runs once an epoch, and once more with the test split at the end.
    read = dataset.num_examples["validation"] * (config.training.epochs + 1) + dataset.num_examples["test"]
    if config.learning.trainable == "head" and has_pooled_head(config, get_task(dataset.task).head_level, info):
        trained, read = 0, sum(dataset.num_examples.values())  # every text is read once, and the head alone costs nothing
    flops = TRAINING_FLOPS_PER_TOKEN * working_parameters * tokens_per_example * (trained + read / 3)
    speed = GPU_FLOPS if on_gpu else CORE_FLOPS[bfloat16] * machine().cores
    return STARTING_S + flops / speed


def _token_lengths(info: ModelInfo, dataset: Dataset) -> Sequence[int]:
    if info.folder is None:
        return ()
    return _cached_token_lengths(info.folder, dataset.folder)


@functools.lru_cache(maxsize=64)
def _cached_token_lengths(model_folder: Path, dataset_folder: Path) -> tuple[int, ...]:
    """Tokens of a sample of training texts, special tokens included; empty where the tokenizer has no fast file."""
    from tokenizers import Tokenizer

    from core.datasets.dataset import open_dataset

    tokenizer_file = model_folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        return ()
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = open_dataset(dataset_folder).examples("train")["text"]
    sample = texts.sample(min(len(texts), LENGTH_SAMPLE), random_state=0).tolist()
    return tuple(len(encoding.ids) for encoding in tokenizer.encode_batch(sample))
