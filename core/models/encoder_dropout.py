"""Setting the dropout of an encoder and of its architecture's own head, under whatever name an architecture has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from core.errors import ConfigError
from core.models.heads import ArchitectureClassifier

_ENDINGS = ("dropout", "dropout_prob", "dropout_rate", "dropout_p", "_pdrop")
"""Suffixes of dropout rates in a config: ``hidden_dropout_prob``, ``attention_dropout``, ``resid_pdrop`` …"""

_OF_HEADS = ("classifier_", "seq_classif_", "cls_", "qa_", "summary_", "pooler_")
"""Prefixes of dropout rates that do not belong to the encoder."""

_HEAD_NAMES = ("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout", "cls_dropout")


def declare_encoder_dropout(config: Any, share: float) -> None:
    """Set every dropout rate of the encoder in an architecture's config.

    Some of them never become a module: attention reads its rate from the config.

    Args:
        config: of transformers; changed in place, before the model is built from it.
        share: dropout rate, from 0 to below 1.
    """
    for name in _encoder_names(config):
        setattr(config, name, share)


def set_encoder_dropout(encoder: Any, share: float) -> None:
    """Set the rate of every dropout module of an encoder whose config was changed by ``declare_encoder_dropout``.

    Args:
        encoder: changed in place.
        share: dropout rate, from 0 to below 1.

    Raises:
        ConfigError: the encoder has no dropout.
    """
    modules = [module for module in encoder.modules() if isinstance(module, nn.Dropout)]
    if not modules and not any(_encoder_names(encoder.config)):
        raise ConfigError(
            "model.encoder_dropout",
            f"is {share:g}, but a model of type {str(encoder.config.model_type)[:60]!r} has no dropout in its encoder. Leave it "
            "out, or choose another model.",
        )
    for module in modules:
        module.p = share


def set_head_dropout(classifier: ArchitectureClassifier, share: float) -> None:
    """Set the dropout of an architecture's own head; a head without dropout gets one.

    Args:
        classifier: changed in place; so is its config, if it has a name for the rate.
        share: dropout rate, from 0 to below 1.

    Raises:
        ConfigError: the head does not support dropout.
    """
    model = classifier.model
    for name in _HEAD_NAMES:
        if hasattr(model.config, name):
            setattr(model.config, name, share)
    inside = {id(module) for module in classifier.pretrained.modules()}
    own = [module for module in model.modules() if isinstance(module, nn.Dropout) and id(module) not in inside]
    for module in own:
        module.p = share
    if not share or _is_one_used(classifier, own):
        return
    if classifier.output_layer is None:
        raise ConfigError(
            "head.dropout",
            f"is {share:g}, but the head of a model of type {str(model.config.model_type)[:60]!r} does not support dropout. Set "
            "it to 0, or choose another model.",
        )
    classifier.output_layer.register_forward_pre_hook(_Dropping(classifier, share))


class _Dropping:
    """A forward pre-hook that applies dropout to a layer's inputs while its classifier is in training mode."""

    def __init__(self, classifier: ArchitectureClassifier, share: float) -> None:
        classifier.dropout = nn.Dropout(share)
        self._dropout = classifier.dropout

    def __call__(self, layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        del layer
        return (self._dropout(inputs[0]), *inputs[1:])


def _encoder_names(config: Any) -> Iterator[str]:
    for name, value in config.to_dict().items():
        is_share = isinstance(value, int | float) and not isinstance(value, bool)
        if is_share and name.endswith(_ENDINGS) and not name.startswith(_OF_HEADS):
            yield name


def _is_one_used(classifier: ArchitectureClassifier, modules: Sequence[nn.Dropout]) -> bool:
    """Whether a classifier calls one of these modules in a forward pass: some heads have a dropout that they never use."""
    calls: list[nn.Module] = []
    hooks = [module.register_forward_hook(lambda module, *_: calls.append(module)) for module in modules]
    tokens = torch.tensor([[2, 1, 0]])
    was_training = classifier.training
    try:
        with torch.inference_mode():
            classifier.eval()(tokens, torch.ones_like(tokens))
    except (RuntimeError, ValueError, IndexError, TypeError):
        return bool(modules)  # a forward pass that fails is reported later
    finally:
        classifier.train(was_training)
        for hook in hooks:
            hook.remove()
    return bool(calls)
