"""From a person's choices to a complete run config, and the plan of the run, before anything is started.

Loads no torch: a page calls this on every change of a form.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config.run_config import DataConfig, RunConfig
from core.datasets.dataset import Dataset
from core.errors import ConfigError, DatasetError
from core.machine.devices import cpu_precision, machine
from core.models.architectures import WITHOUT_NUMBERED_LAYERS, WITHOUT_WORD_EMBEDDINGS
from core.models.hub import ModelInfo, describe
from core.models.model_files import fast_tokenizer
from core.models.sizes import sizes_of
from core.tasks import get_task
from core.text_format import shown
from core.training.planning.constraints import check_architecture, check_combinations, without_unread
from core.training.planning.estimates import ANYWHERE, Surroundings, foresee, read_lengths
from core.training.planning.planned_inputs import planned_inputs
from core.training.planning.recipes import Facts, Recommendation, batch_size_of, get_recipe
from core.training.planning.truncation import cut_at

LENGTH_SAMPLE = 2000
"""Texts whose tokens are counted to estimate lengths and times."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """The plan of a run.

    Attributes:
        num_examples: rows of each split.
        device, precision: in words, as far as known without loading torch.
        estimated_s: estimated duration; ``None`` if the model is not downloaded yet or this machine's speed is not known.
        memory_mib, total_mib: estimated peak main memory, and how much there is; ``None`` if not known.
        median_tokens, longest_tokens: lengths of the texts in the model's tokens, on a sample.
        token_lengths: length of each text of the sample, in the model's tokens.
        num_cut: texts of the sample longer than ``max_length``; ``num_sampled`` is the sample's size.
        share_of_tokens_cut: share of the sample's tokens that are truncated, from 0 to 1.
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
    memory_mib: int | None = None
    total_mib: int | None = None
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
    """A complete config for a data set, and the recipe's reasons for its choices.

    Args:
        dataset: what to learn from.
        hub_folder: folder of downloaded models.
        model: a model reference.
        recipe: name of the recipe that fills in everything.
        values: fields, dotted or bare, set by a person; they override the recipe.

    Raises:
        ConfigError: a field, value or recipe is unknown or not allowed.
        ModelError: the model reference leads nowhere.
        DatasetError: the data set cannot be trained on.
    """
    values = dict(values or {})
    for name in ("model", "model.model"):
        model = values.pop(name, model)
    info = describe(model, hub_folder)
    if info.folder is not None and Path(model).expanduser().is_dir():
        model = str(info.folder)  # to the worker, a relative path would mean another folder
    recommendation = _fitting(get_recipe(recipe).recommend(facts_of(dataset, info)), info)
    config = RunConfig(data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task), recipe=recipe)
    config = config.with_values({"model.model": model, **recommendation.values}).with_values(values)
    complete = without_unread(config, values)
    check_config(complete, dataset, info)
    holds = {name for name in recommendation.reasons if complete.reads(name) and complete.value(name) == config.value(name)}
    return complete, {name: why for name, why in recommendation.reasons.items() if name in holds}


def _fitting(recommendation: Recommendation, info: ModelInfo) -> Recommendation:
    """A recipe's choices without those that the model does not support: token masking, numbered layers, word embeddings."""
    left_out = [] if info.can_hide_tokens else ["token_masking"]
    trainable = recommendation.values.get("trainable")
    if info.architecture in WITHOUT_NUMBERED_LAYERS:
        left_out += ["layer_decay", "top_layers"] + ["trainable"] * (trainable == "top_layers")
    if info.architecture in WITHOUT_WORD_EMBEDDINGS and trainable == "all_but_embeddings":
        left_out.append("trainable")
    return functools.reduce(Recommendation.without, left_out, recommendation)


def check_config(config: RunConfig, dataset: Dataset, info: ModelInfo) -> None:
    """Refuse settings that do not fit the task, the data set or the model.

    Raises:
        ConfigError: a setting does not fit.
        DatasetError: the data set lacks a split that training needs.
    """
    task = get_task(dataset.task)
    for split in ("train", "validation", "test"):
        if not dataset.num_examples.get(split):
            raise DatasetError(
                f"The data set has no {split} examples; training needs all three splits. Import it again with a {split} split."
            )
    if config.head.head == "cosine" and not has_pooled_head(config, task.head_level, info):
        raise ConfigError(
            "head.head", "is cosine, which needs one pooled vector per text. Choose pooling mean, first or max, or head linear."
        )
    if config.model.token_masking and not info.can_hide_tokens:
        raise ConfigError(
            "model.token_masking",
            f"is {config.model.token_masking:g}, but the tokenizer of {info.title} has no mask token. Set it to 0.",
        )
    metric = config.training.selection_metric
    known = task.selection_metrics
    if metric is not None and metric not in known:
        raise ConfigError("training.selection_metric", f"is {shown(metric)}; expected one of {', '.join(known)} for this task.")
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
            "compute.precision", "is float16, but this machine trains on its CPU. Choose automatic, bfloat16 or float32."
        )
    if config.model.pooling not in {"declared", "architecture"} and task.head_level == "token":
        raise ConfigError(
            "model.pooling", f"is {config.model.pooling!r}, but {task.title.lower()} uses no pooling. Leave it at declared."
        )
    check_architecture(config, info)
    check_combinations(
        config,
        task,
        machine(),
        total_steps=_steps_per_epoch(config, planned_inputs(dataset, info, longest).count) * config.training.epochs,
        pooled_head=has_pooled_head(config, task.head_level, info),
    )


def _steps_per_epoch(config: RunConfig, num_inputs: int) -> int:
    return -(-num_inputs // (batch_size_of(config, num_inputs) * config.training.gradient_accumulation))


def has_pooled_head(config: RunConfig, head_level: str, info: ModelInfo) -> bool:
    """Whether the head will be Tuneboard's own, on one vector per text, and not the architecture's."""
    pooling = (info.pooling or "architecture") if config.model.pooling == "declared" else config.model.pooling
    return head_level == "text" and pooling != "architecture"


def facts_of(dataset: Dataset, info: ModelInfo) -> Facts:
    """The facts about a data set, a model and this machine that recipes decide on."""
    counts = dataset.label_counts.get("train", {})
    return Facts(
        head_level=get_task(dataset.task).head_level,
        exclusive_labels=get_task(dataset.task).exclusive_labels,
        num_train=dataset.num_examples.get("train", 0),
        num_inputs=planned_inputs(dataset, info, None).count if dataset.num_examples.get("train") else 0,
        num_labels=len(dataset.labels),
        smallest_label=min(counts.values(), default=0),
        largest_label=max(counts.values(), default=0),
        num_parameters=info.num_parameters,
        num_layers=info.num_layers,
        pooling=info.pooling,
        max_length=info.max_length,
        token_lengths=_token_lengths(info, dataset),
        has_gpu=machine().gpu is not None,
        precision=machine().precision,
    )


def plan(config: RunConfig, dataset: Dataset, info: ModelInfo, surroundings: Surroundings = ANYWHERE) -> TrainingPlan:
    """Plan a run: steps, lengths, device, and estimates of memory and time.

    Args:
        config: settings of the run.
        dataset: the rows.
        info: the model.
        surroundings: workspace and resource limits; time is estimated only if the workspace knows the machine's speed.
    """
    inputs = planned_inputs(dataset, info, config.model.max_length)
    steps_per_epoch = _steps_per_epoch(config, inputs.count)
    limit = min(config.model.max_length or info.max_length, info.max_length)
    lengths = _token_lengths(info, dataset)
    here = machine()
    on_gpu = here.gpu is not None and config.compute.device != "cpu"
    fastest = here.precision if on_gpu or here.gpu is None else cpu_precision()
    precision = fastest if config.compute.precision == "automatic" else config.compute.precision
    is_native = precision != "bfloat16" or fastest == "bfloat16"
    head_level = get_task(dataset.task).head_level
    foreseen = foresee(
        config,
        None if info.folder is None else sizes_of(info.folder),
        {
            split: round(number * inputs.count / max(1, dataset.num_examples["train"]))
            for split, number in dataset.num_examples.items()
        },
        len(dataset.labels),
        read_lengths(lengths, limit, head_level),
        precision=precision,
        on_gpu=on_gpu,
        is_pooled=has_pooled_head(config, head_level, info),
        surroundings=surroundings,
    )
    cut = cut_at(lengths, limit)
    # In token classification, long texts are read in overlapping windows and nothing is truncated.
    num_cut, share_of_tokens_cut = (
        (0, 0.0) if get_task(dataset.task).head_level == "token" else (cut.num_texts, cut.share_of_tokens)
    )
    notes = []
    if info.needs_download:
        notes.append(f"The model {info.reference} will first be downloaded from the hub. None of your data is sent.")
    if foreseen.memory_mib is not None and not foreseen.fits:
        notes.append(
            f"The run needs about {foreseen.memory_mib / 1024:.1f} GiB of main memory, more than is free now. Close other "
            "programs, or choose a lower maximum input length or a smaller model."
        )
    if num_cut:
        notes.append(
            f"Inputs are truncated at {limit} tokens: {num_cut:,} of {len(lengths):,} sampled training texts "
            f"({_percent(cut.share_of_texts)}) are longer and lose {_percent(share_of_tokens_cut)} of all tokens."
        )
    elif cut.num_texts:
        notes.append(
            f"{cut.num_texts:,} of {len(lengths):,} sampled training texts are longer than {limit} tokens; "
            "they are read in overlapping windows and nothing is truncated. "
            f"Training has {'' if inputs.is_exact else 'about '}{inputs.count:,} inputs, by which steps are counted."
        )
    if not is_native and not (on_gpu and here.device == "mps"):  # some Apple GPUs have it
        notes.append(
            f"This {'GPU' if on_gpu else 'CPU'} has no native bfloat16 and only emulates it, which is slow. "
            f"Precision automatic uses {fastest} here."
        )
    return TrainingPlan(
        num_examples=dict(dataset.num_examples),
        steps_per_epoch=steps_per_epoch,
        total_steps=steps_per_epoch * config.training.epochs,
        epochs=config.training.epochs,
        device=here.title if on_gpu or here.gpu is None else f"CPU, {here.cores} cores",
        precision=precision,
        estimated_s=foreseen.seconds,
        memory_mib=foreseen.memory_mib,
        total_mib=foreseen.total_mib,
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


def _token_lengths(info: ModelInfo, dataset: Dataset) -> Sequence[int]:
    if info.folder is None:
        return ()
    return _cached_token_lengths(info.folder, dataset.folder)


@functools.lru_cache(maxsize=64)
def _cached_token_lengths(model_folder: Path, dataset_folder: Path) -> tuple[int, ...]:
    """Tokens of a sample of training texts, special tokens included; empty if the tokenizer has no fast version."""
    from core.datasets.dataset import open_dataset

    tokenizer = fast_tokenizer(model_folder)
    if tokenizer is None:
        return ()
    texts = open_dataset(dataset_folder).examples("train")["text"]
    sample = texts.sample(min(len(texts), LENGTH_SAMPLE), random_state=0).tolist()
    return tuple(len(encoding.ids) for encoding in tokenizer.encode_batch(sample))
