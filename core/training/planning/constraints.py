"""Settings that are right each by itself and cannot hold together, or would do nothing: refused before a run is launched."""

import dataclasses
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from core.config.options import Option
from core.config.run_config import SECTIONS, RunConfig, field_names, locate
from core.errors import ConfigError
from core.machine.devices import Machine
from core.models.architectures import WITHOUT_CHECKPOINTING, WITHOUT_NUMBERED_LAYERS, WITHOUT_WORD_EMBEDDINGS
from core.models.hub import ModelInfo
from core.tasks import Task

_COMPILERS = ("c++", "g++", "clang++", "cl")


def check_combinations(config: RunConfig, task: Task, machine: Machine, *, total_steps: int, pooled_head: bool) -> None:
    """Refuse what no single field can know.

    Args:
        machine: where the run will be trained.
        total_steps: of the optimizer.
        pooled_head: whether the head is ours, on one vector a text, and not the architecture's own.

    Raises:
        ConfigError: names a field, its value, and what would fit.
    """
    _check_used(config, task)
    _check_head(config, pooled_head)
    _check_machine(config, machine)
    if config.training.minimum_gain and not config.training.early_stopping_patience and config.schedule.schedule != "plateau":
        raise ConfigError(
            "training.minimum_gain",
            f"is {config.training.minimum_gain:g}, but training neither stops early nor reduces its learning rate on a plateau. "
            "Leave it out, or say after how many epochs to stop early.",
        )
    warmup = config.schedule.warmup_steps
    if warmup is not None and warmup >= total_steps:
        raise ConfigError(
            "schedule.warmup_steps",
            f"is {warmup:,}, but the run has {total_steps:,} steps, so the learning rate would never be reached. Choose fewer.",
        )
    share = config.schedule.warmup_fraction
    if warmup is None and share and round(share * total_steps) >= total_steps:
        raise ConfigError(
            "schedule.warmup_fraction",
            f"is {share:g}, which is all of the run's {total_steps:,} steps, so the learning rate would never be reached. "
            "Choose less.",
        )


def check_architecture(config: RunConfig, info: ModelInfo) -> None:
    """Refuse what a model's architecture has nothing for, as far as it is known by name.

    Raises:
        ConfigError: names a field, its value, and what would fit.
    """
    what = f"a model of type {info.architecture[:60]}"
    if config.learning.layer_decay < 1 and info.architecture in WITHOUT_NUMBERED_LAYERS:
        raise ConfigError(
            "learning.layer_decay",
            f"is {config.learning.layer_decay:g}, but {what} has no layers that could be told apart. Set it to 1.",
        )
    if config.learning.trainable == "top_layers" and info.architecture in WITHOUT_NUMBERED_LAYERS:
        raise ConfigError(
            "learning.trainable",
            f"is top_layers, but {what} has no layers that could be told apart. Choose everything, lora or head.",
        )
    if config.learning.trainable == "all_but_embeddings" and info.architecture in WITHOUT_WORD_EMBEDDINGS:
        raise ConfigError(
            "learning.trainable", f"is all_but_embeddings, but {what} has no word vectors. Choose everything, lora or head."
        )
    if config.compute.gradient_checkpointing and info.architecture in WITHOUT_CHECKPOINTING:
        raise ConfigError("compute.gradient_checkpointing", f"is true, but {what} does not support it. Leave it off.")


def _check_used(config: RunConfig, task: Task) -> None:
    """A setting somebody made and nothing reads would be a promise that is not kept."""
    for name in sorted(task.unused_options - {"pooling"}):  # of which the architecture's own is what entities have anyway
        section, field = locate(name)
        value, default, _ = _declared(config, section, field)
        if value != default:
            raise ConfigError(f"{section}.{field}", f"is {value!r}, which does nothing for {task.title.lower()}. Leave it out.")
    for section, field in unread_settings(config):
        value, _, declared = _declared(config, section, field)
        assert declared.needs is not None
        needed, values = declared.needs
        raise ConfigError(
            f"{section}.{field}",
            f"is {value!r}, which only {needed} {' or '.join(values)} reads, and {needed} is {config.value(needed)}. "
            f"Leave it out, or choose another {needed}.",
        )


def unread_settings(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Section and field of every setting that is not as it would be by itself and that another setting leaves unread."""
    for section, field in field_names():
        value, default, _ = _declared(config, section, field)
        if value != default and not config.reads(f"{section}.{field}"):
            yield section, field


def without_unread(config: RunConfig, chosen: Iterable[str]) -> RunConfig:
    """A config in which what a recipe chose goes with the choice of the recipe's it depends on, once a person chose otherwise.

    Args:
        config: a recipe's settings, and over them a person's.
        chosen: the person's fields, dotted or bare, which stay and are refused later if nothing reads them.
    """
    kept = {locate(name) for name in chosen}
    given_up = [place for place in unread_settings(config) if place not in kept]
    return config.with_values({f"{section}.{field}": _declared(config, section, field)[1] for section, field in given_up})


def _declared(config: RunConfig, section: str, field: str) -> tuple[Any, Any, Option]:
    """Value, default and declaration of a field."""
    declared = next(one for one in dataclasses.fields(SECTIONS[section]) if one.name == field)
    return getattr(getattr(config, section), field), declared.default, declared.metadata["option"]


def _check_head(config: RunConfig, pooled_head: bool) -> None:
    if config.head.head == "feed_forward" and not pooled_head:
        raise ConfigError(
            "head.head",
            "is feed_forward, which takes the place of the architecture's own head and needs one pooled vector a text. "
            "Choose pooling mean, first, max or attention, or head linear.",
        )
    if config.head.word_evidence and not pooled_head:
        raise ConfigError(
            "head.word_evidence",
            "is true, but the architecture's own head has no place for it. Choose pooling mean, first, max or attention, or "
            "leave it out.",
        )


def _check_machine(config: RunConfig, machine: Machine) -> None:
    device = config.compute.device
    if device not in {"automatic", "cpu", machine.device}:
        here = f"this machine has {machine.gpu}" if machine.gpu else "this machine has no GPU that can be used"
        raise ConfigError("compute.device", f"is {device}, but {here}. Choose automatic or cpu.")
    if config.compute.compile and not _has_compiler():
        raise ConfigError(
            "compute.compile", "is true, but no C++ compiler was found on this machine. Install one, or leave it off."
        )


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name)
