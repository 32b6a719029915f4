"""Checks across settings: combinations that cannot work, or settings without effect, are refused before a run is launched."""

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
    """Refuse combinations of settings that cannot work.

    Args:
        config: the settings.
        task: what is learned.
        machine: where the run will be trained.
        total_steps: optimizer steps of the run.
        pooled_head: whether the head is Tuneboard's own, on one vector per text, and not the architecture's.

    Raises:
        ConfigError: names a field, its value, and a valid choice.
    """
    _check_used(config, task)
    _check_head(config, pooled_head)
    _check_machine(config, machine)
    if config.training.minimum_gain and not config.training.early_stopping_patience and config.schedule.schedule != "plateau":
        raise ConfigError(
            "training.minimum_gain",
            f"is {config.training.minimum_gain:g}, but training neither stops early nor reduces its learning rate on a plateau. "
            "Leave it out, or set early_stopping_patience.",
        )
    warmup = config.schedule.warmup_steps
    if warmup is not None and warmup >= total_steps:
        raise ConfigError(
            "schedule.warmup_steps",
            f"is {warmup:,}, but the run has {total_steps:,} steps, so warm-up would never end. Choose fewer.",
        )
    share = config.schedule.warmup_fraction
    if warmup is None and share and round(share * total_steps) >= total_steps:
        raise ConfigError(
            "schedule.warmup_fraction",
            f"is {share:g}, which is all of the run's {total_steps:,} steps, so warm-up would never end. Choose a lower value.",
        )


def check_architecture(config: RunConfig, info: ModelInfo) -> None:
    """Refuse settings that the model's architecture does not support, as far as it is known by name.

    Raises:
        ConfigError: names a field, its value, and a valid choice.
    """
    what = f"a model of type {info.architecture[:60]}"
    if config.learning.layer_decay < 1 and info.architecture in WITHOUT_NUMBERED_LAYERS:
        raise ConfigError(
            "learning.layer_decay",
            f"is {config.learning.layer_decay:g}, but {what} has no numbered layers. Set it to 1.",
        )
    if config.learning.trainable == "top_layers" and info.architecture in WITHOUT_NUMBERED_LAYERS:
        raise ConfigError(
            "learning.trainable",
            f"is top_layers, but {what} has no numbered layers. Choose everything, lora or head.",
        )
    if config.learning.trainable == "all_but_embeddings" and info.architecture in WITHOUT_WORD_EMBEDDINGS:
        raise ConfigError(
            "learning.trainable", f"is all_but_embeddings, but {what} has no word embeddings. Choose everything, lora or head."
        )
    if config.compute.gradient_checkpointing and info.architecture in WITHOUT_CHECKPOINTING:
        raise ConfigError("compute.gradient_checkpointing", f"is true, but {what} does not support it. Leave it off.")


def _check_used(config: RunConfig, task: Task) -> None:
    """Refuse settings that a person changed and that have no effect."""
    for name in sorted(task.unused_options - {"pooling"}):  # pooling "architecture" is what entities have anyway
        section, field = locate(name)
        value, default, _ = _declared(config, section, field)
        if value != default:
            raise ConfigError(f"{section}.{field}", f"is {value!r}, which has no effect for {task.title.lower()}. Leave it out.")
    for section, field in unread_settings(config):
        value, _, declared = _declared(config, section, field)
        assert declared.needs is not None
        needed, values = declared.needs
        raise ConfigError(
            f"{section}.{field}",
            f"is {value!r}, which has an effect only if {needed} is {' or '.join(values)}, and {needed} is "
            f"{config.value(needed)}. Leave it out, or change {needed}.",
        )


def unread_settings(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Section and field of every setting that differs from its default and has no effect because of another setting."""
    for section, field in field_names():
        value, default, _ = _declared(config, section, field)
        if value != default and not config.reads(f"{section}.{field}"):
            yield section, field


def without_unread(config: RunConfig, chosen: Iterable[str]) -> RunConfig:
    """The config with settings of the recipe reset to their defaults where a person's choice leaves them without effect.

    Args:
        config: the recipe's settings, overridden by the person's.
        chosen: the person's fields, dotted or bare; they stay and are refused later if they have no effect.
    """
    own = {locate(name) for name in chosen}
    reset = [place for place in unread_settings(config) if place not in own]
    return config.with_values({f"{section}.{field}": _declared(config, section, field)[1] for section, field in reset})


def _declared(config: RunConfig, section: str, field: str) -> tuple[Any, Any, Option]:
    """Value, default and declaration of a field."""
    declared = next(one for one in dataclasses.fields(SECTIONS[section]) if one.name == field)
    return getattr(getattr(config, section), field), declared.default, declared.metadata["option"]


def _check_head(config: RunConfig, pooled_head: bool) -> None:
    if config.head.head == "feed_forward" and not pooled_head:
        raise ConfigError(
            "head.head",
            "is feed_forward, which replaces the architecture's own head and needs one pooled vector per text. "
            "Choose pooling mean, first, max or attention, or head linear.",
        )
    if config.head.word_evidence and not pooled_head:
        raise ConfigError(
            "head.word_evidence",
            "is true, but a TF-IDF classifier cannot be added to the architecture's own head. Choose pooling mean, first, max or "
            "attention, or leave it out.",
        )


def _check_machine(config: RunConfig, machine: Machine) -> None:
    device = config.compute.device
    if device not in {"automatic", "cpu", machine.device}:
        here = f"this machine has {machine.gpu}" if machine.gpu else "this machine has no usable GPU"
        raise ConfigError("compute.device", f"is {device}, but {here}. Choose automatic or cpu.")
    if config.compute.compile and not _has_compiler():
        raise ConfigError(
            "compute.compile", "is true, but no C++ compiler was found on this machine. Install one, or leave it off."
        )


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name)
