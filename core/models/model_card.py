"""What a trained model remembers beside its weights, in its ``config.json`` under ``tuneboard``."""

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
    """What a trained model must remember beside its weights.

    Attributes:
        task: name of the task.
        outputs: names of the outputs, in order.
        max_length: longest input in tokens it was trained with.
        pooling: how a text becomes one vector; ``architecture`` where the head is the architecture's own.
        head: its shape, where it is ours.
        base_model: reference of the pretrained model.
        decision: how probabilities become predictions.
        scale: what the logits of a head of ours are multiplied with; ``save_classifier`` takes it from the model.
        num_word_features: tokens and pairs of tokens whose evidence is added to them, 0 where none is; taken in the same way.
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
    """The card of a trained model, of an earlier version as well.

    Args:
        config: content of its ``config.json``; nothing where it cannot be read.
        name: of its folder, for people.

    Raises:
        ModelError: there is none, it is damaged, or another version made it.
    """
    raw = (config or {}).get("tuneboard")
    if not isinstance(raw, dict):
        raise ModelError(
            f"The folder {name!r} holds no model trained by Tuneboard: its config.json is missing or damaged. Train again."
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
        raise ModelError(f"The trained model in {name!r} is damaged: its config.json has values that cannot be. Train again.")
    return ModelCard(**{**raw, "head": HeadShape(**{**raw["head"], "hidden_sizes": tuple(raw["head"].get("hidden_sizes", ()))})})


def _as_written_now(raw: dict[str, Any]) -> dict[str, Any]:
    """The first versions had one kind of head, then named its kind; its dropout stood beside it."""
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
