"""Estimates of a run's duration and main memory before its launch; ``None`` where they cannot be known. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.config.run_config import RunConfig
from core.machine.devices import machine
from core.machine.memory import left_mib, total_mib
from core.models.sizes import ModelSizes
from core.tasks.windows import window_shape, windows
from core.training.planning.machine_pace import known_pace
from core.training.planning.memory_footprint import Footprint
from core.training.planning.recipes import batch_size_of
from core.training.planning.workload import Workload

SPECIAL_TOKENS = 2
"""Special tokens of an input; nearly every tokenizer adds this many."""

LORA_SHARE = 0.04
"""Adapter parameters per parameter they adapt, at a usual rank."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The workspace and resource limits of a run.

    Attributes:
        home: the workspace, which stores the machine's measured speed; ``None`` if there is none.
        threads, max_memory_mib: what a worker may use; 0 means no limit.
    """

    home: Path | None = None
    threads: int = 0
    max_memory_mib: int = 0


ANYWHERE = Surroundings()


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """Estimated time and memory of a run.

    Attributes:
        seconds: duration of the run; ``None`` if this machine's speed or the model's sizes are not known.
        memory_mib: peak main memory; ``None`` if it is not known.
        total_mib: main memory available to it.
        fits: whether that much is free now.
    """

    seconds: float | None = None
    memory_mib: int | None = None
    total_mib: int | None = None
    fits: bool = True


def foresee(
    config: RunConfig,
    sizes: ModelSizes | None,
    num_examples: Mapping[str, int],
    num_labels: int,
    lengths: Sequence[int],
    *,
    precision: str,
    on_gpu: bool,
    is_pooled: bool,
    surroundings: Surroundings = ANYWHERE,
) -> Foreseen:
    """Estimate time and memory of a run on a CPU. GPUs have not been measured, so there is no estimate for them.

    Args:
        config: settings of the run.
        sizes: of the pretrained model.
        num_examples: number of inputs of each split.
        num_labels: of the data set.
        lengths: tokens of each input on a sample of the training split, as ``read_lengths`` gives them.
        precision: float32 or bfloat16.
        on_gpu: whether it will train on one.
        is_pooled: whether the head reads one vector per text.
        surroundings: workspace and resource limits.
    """
    if on_gpu or sizes is None or not lengths:
        return Foreseen()
    pace = None
    if surroundings.home is not None:
        pace = known_pace(surroundings.home, machine(), threads=surroundings.threads, precision=precision)
    left, total = left_mib(surroundings.max_memory_mib), total_mib(surroundings.max_memory_mib)
    peak = footprint_of_config(config, sizes, precision).peak_mib(
        batch_size=batch_size_of(config, num_examples["train"]),
        longest=max(lengths),
        num_tokens=round(sum(num_examples.values()) * sum(lengths) / len(lengths)),
        left_mib=left,
    )
    work = workload_of(config, sizes, num_examples, num_labels, lengths, is_pooled=is_pooled)
    return Foreseen(
        seconds=None if pace is None else work.seconds(pace), memory_mib=peak, total_mib=total, fits=peak <= max(left, 1)
    )


def memory_in_words(memory_mib: int, total_mib: int) -> str:
    """Such as ``about 3 of 24 GiB``; small amounts with a decimal."""
    gib = memory_mib / 1024
    return f"about {gib:.0f} of {total_mib / 1024:.0f} GiB" if gib >= 2.5 else f"about {gib:.1f} of {total_mib / 1024:.0f} GiB"


def read_lengths(token_lengths: Sequence[int], limit: int, head_level: str) -> list[int]:
    """Tokens of each input: texts are truncated at the limit, or read in overlapping windows in token classification."""
    if head_level != "token":
        return [min(length, limit) for length in token_lengths]
    size, overlap = window_shape(limit, SPECIAL_TOKENS)
    return [
        window.end - window.start + SPECIAL_TOKENS
        for length in token_lengths
        for window in windows(max(0, length - SPECIAL_TOKENS), size, overlap)
    ]


def workload_of(
    config: RunConfig,
    sizes: ModelSizes,
    num_examples: Mapping[str, int],
    num_labels: int,
    lengths: Sequence[int],
    *,
    is_pooled: bool,
) -> Workload:
    """The amount of computation of a run; arguments as those of ``foresee``."""
    training = config.training
    num_train = num_examples["train"]
    batch_size = batch_size_of(config, num_train) * training.gradient_accumulation
    num_trained, num_layers_back = _learning(config, sizes)
    return Workload(
        sizes=sizes,
        lengths=lengths,
        num_train=num_train,
        # Validation is read once an epoch, and once more with the test split at the end.
        num_read=num_examples["validation"] * (training.epochs + 2) + num_examples["test"],
        num_texts=sum(num_examples.values()),
        epochs=training.epochs,
        steps=-(-num_train // batch_size) * training.epochs,
        num_trained=num_trained,
        num_layers_back=num_layers_back,
        num_learning=min(num_trained, num_layers_back * sizes.num_in_layer),
        is_read_once=is_pooled and config.learning.trainable == "head" and not config.model.token_masking,
        num_labels_weighed=num_labels if is_pooled and config.head.word_evidence else 0,
    )


def footprint_of_config(config: RunConfig, sizes: ModelSizes, precision: str) -> Footprint:
    """Main memory of a run, as far as its config determines it."""
    num_trained, num_layers_back = _learning(config, sizes)
    return Footprint(
        sizes=sizes,
        num_parameters=sizes.num_parameters,
        num_trained=num_trained,
        num_layers_trained=num_layers_back,
        optimizer=config.optimizer.optimizer,
        num_kept=config.training.average_best,
        is_averaged=config.training.weight_averaging > 0,
        precision=precision,
        recomputes=config.compute.gradient_checkpointing,
    )


def _learning(config: RunConfig, sizes: ModelSizes) -> tuple[int, int]:
    """Trainable parameters of the encoder, and the number of layers in the backward pass."""
    learning = config.learning
    top = min(learning.top_layers, sizes.num_layers)
    return {
        "everything": (sizes.num_parameters, sizes.num_layers),
        "all_but_embeddings": (sizes.num_computing, sizes.num_layers),
        "top_layers": (top * sizes.num_in_layer, top),
        "lora": (round(LORA_SHARE * sizes.num_computing), sizes.num_layers),
        "head": (0, 0),
    }[learning.trainable]
