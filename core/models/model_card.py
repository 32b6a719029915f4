"""Metadata of a trained model, in its ``config.json`` under ``tuneboard``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from core.errors import ModelError
from core.models.architectures import is_count
from core.models.heads import HeadShape
from core.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Metadata of a trained model, saved beside its weights.

    Attributes:
        task: name of the task.
        outputs: names of the outputs, in order.
        max_length: maximum input length in training, in tokens.
        pooling: how token vectors become one text vector; ``architecture`` if the head is the architecture's own.
        head: shape of Tuneboard's own head.
        base_model: reference of the pretrained model.
        decision: how probabilities become predictions.
        scale: factor of the logits of Tuneboard's own head; ``save_classifier`` takes it from the model.
        num_word_features: features of the TF-IDF classifier, 0 without one; taken from the model as well.
    """

    task: str
    outputs: list[str]
    max_length: int
    pooling: str
    head: HeadShape
    base_model: str
    decision: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    num_word_features: int = 0


def card_of(config: Mapping[str, Any] | None, name: str) -> ModelCard:
    """The card of a trained model, also of earlier versions.

    Args:
        config: content of its ``config.json``; ``None`` if it cannot be read.
        name: of its folder, for messages.

    Raises:
        ModelError: there is none, it is damaged, or it was made by an incompatible version.
    """
    raw = (config or {}).get("tuneboard")
    if not isinstance(raw, dict):
        raise ModelError(
            f"The folder {name!r} contains no model trained by Tuneboard: its config.json is missing or damaged. Train again."
        )
    raw = _as_written_now(raw)
    head = raw.get("head")
    if _lacks(raw, ModelCard) or (isinstance(head, dict) and _lacks(head, HeadShape)):
        raise ModelError(
            f"The model in {name!r} was made by an earlier version of Tuneboard and cannot be opened by this one. Train it again."
        )
    if (
        str(raw["task"]) not in TASKS
        or set(raw) - _names(ModelCard)
        or (isinstance(head, dict) and set(head) - _names(HeadShape))
    ):
        raise ModelError(
            f"The model in {name!r} was made by a later version of Tuneboard. Update Tuneboard, or train it again with this one."
        )
    if not _is_whole(raw):
        raise ModelError(f"The trained model in {name!r} is damaged: its config.json has invalid values. Train again.")
    return ModelCard(**{**raw, "head": HeadShape(**{**raw["head"], "hidden_sizes": tuple(raw["head"].get("hidden_sizes", ()))})})


def _as_written_now(raw: dict[str, Any]) -> dict[str, Any]:
    """Convert the format of the first versions, in which ``head`` was missing or a name, with ``dropout`` beside it."""
    head = raw.get("head", "linear")
    if "dropout" not in raw or not isinstance(head, str):
        return raw
    others = {name: value for name, value in raw.items() if name != "dropout"}
    return {**others, "head": {"kind": head, "dropout": raw["dropout"]}}


def _names(kind: type) -> set[str]:
    return {declared.name for declared in fields(kind)}


def _lacks(raw: Mapping[str, Any], kind: type) -> bool:
    needed = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    return not needed <= set(raw)


def _is_whole(raw: Mapping[str, Any]) -> bool:
    head, numbers = raw["head"], (raw.get("scale", 1.0), raw.get("num_word_features", 0))
    return (
        all(isinstance(raw[name], str) for name in ("task", "pooling", "base_model"))
        and isinstance(raw["outputs"], list)
        and all(isinstance(output, str) for output in raw["outputs"])
        and is_count(raw["max_length"])
        and isinstance(raw.get("decision", {}), dict)
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
        and isinstance(head, dict)
        and isinstance(head.get("kind", ""), str)
        and isinstance(head.get("hidden_sizes", []), list)
        and all(is_count(size) for size in head.get("hidden_sizes", []))
    )
