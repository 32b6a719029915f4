"""Trainable parameters of a classifier: all, some layers, adapters, or the head only."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from core.errors import ConfigError
from core.models.heads import Classifier

LAYER_NUMBER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")


def choose_trainable(
    classifier: Classifier, trainable: str, *, top_layers: int = 1, lora_rank: int = 16, lora_alpha: float = 32.0
) -> None:
    """Freeze the parameters that are not trained, and insert adapters for ``lora``.

    Args:
        classifier: changed in place.
        trainable: ``everything``, ``all_but_embeddings`` (word embeddings are frozen), ``top_layers`` (everything below them is
            frozen), ``lora`` or ``head``.
        top_layers: number of last layers to train, for ``top_layers``.
        lora_rank, lora_alpha: rank and scaling factor of the adapters.

    Raises:
        ConfigError: there are fewer layers than should be trained, or no word embeddings.
    """
    pretrained = classifier.pretrained
    if trainable == "everything":
        return
    if trainable == "all_but_embeddings":
        _freeze(_word_embeddings(pretrained))
        return
    _freeze(pretrained)
    total = num_layers(pretrained)
    if trainable == "top_layers":
        if top_layers > total:
            raise ConfigError(
                "learning.top_layers", f"is {top_layers}, but the model has {total} layers. Choose at most {total}."
            )
        _unfreeze_layers(pretrained, range(total - top_layers, total))
    elif trainable == "lora":
        from peft import LoraConfig, inject_adapter_in_model  # takes seconds to load, and only LoRA needs it

        # peft types alpha as an integer but only divides it by the rank; rounding a value below 1 would turn the adapters off.
        config = LoraConfig(r=lora_rank, lora_alpha=lora_alpha, lora_dropout=0.0, target_modules="all-linear")
        inject_adapter_in_model(config, pretrained)


def merge_adapters(classifier: Classifier) -> None:
    """Merge adapters into the weights they adapt, so that the model has the architecture's own layers again."""
    if not any("lora_" in name for name, _ in classifier.named_parameters()):
        return
    from peft.tuners.lora import LoraLayer

    for name, module in list(classifier.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(classifier.get_submodule(parent), child, module.get_base_layer())


def num_layers(pretrained: Any) -> int:
    """Number of numbered layers of an encoder."""
    layers = [layer_of(name) for name, _ in pretrained.named_parameters()]
    return 1 + max((layer for layer in layers if layer is not None), default=-1)


def num_layers_with_gradients(pretrained: Any) -> int:
    """Number of layers in the backward pass: those from the lowest trainable one upwards."""
    learning = [layer_of(name) for name, parameter in pretrained.named_parameters() if parameter.requires_grad]
    # Parameters outside of the layers may come before all of them.
    lowest = min((-1 if layer is None else layer for layer in learning), default=None)
    total = num_layers(pretrained)
    return 0 if lowest is None else total - max(0, lowest)


def layer_of(parameter_name: str) -> int | None:
    """The layer of a parameter, counted from 0 at the bottom; ``None`` for parameters outside of the layers."""
    found = LAYER_NUMBER.search(parameter_name)
    return int(found.group(1)) if found else None


def check_layer_decay(pretrained: Any, layer_decay: float) -> None:
    """Refuse layer-wise learning-rate decay for a model without numbered layers, where it would have no effect.

    Raises:
        ConfigError: the model has no numbered layers.
    """
    if layer_decay < 1 and not num_layers(pretrained):
        raise ConfigError("learning.layer_decay", f"is {layer_decay:g}, but the model has no numbered layers. Set it to 1.")


def _word_embeddings(pretrained: Any) -> nn.Module:
    try:
        found: nn.Module | None = pretrained.get_input_embeddings()
    except NotImplementedError:  # raised by transformers for an encoder that reads characters
        found = None
    if found is None:
        raise ConfigError(
            "learning.trainable", "is all_but_embeddings, but the model has no word embeddings. Choose everything, lora or head."
        )
    return found


def _freeze(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(False)


def _unfreeze_layers(pretrained: nn.Module, layers: range) -> None:
    for name, parameter in pretrained.named_parameters():
        if layer_of(name) in layers:
            parameter.requires_grad_(True)
