"""A repair step: a repair with its parameters as written by the user, and its result as stored in a version."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.datasets.repairs.available import get_repair
from core.datasets.repairs.repair import Parameter, Repair
from core.errors import DatasetError
from core.text_format import counted, short

_MOST_KEPT = 500
"""Longest list of ids stored in a version's history; of a longer list only the length is stored."""


@dataclass(frozen=True, kw_only=True)
class RepairStep:
    """A repair to apply, with its parameters."""

    repair: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The repair and its chosen parameters, in one line."""
        repair = get_repair(self.repair)
        chosen = [
            _in_words(parameter, self.parameters[parameter.name])
            for parameter in repair.parameters
            if self.parameters.get(parameter.name) not in (None, parameter.default, "")
        ]
        return f"{repair.title} ({'; '.join(chosen)})" if chosen else repair.title


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """An applied repair, with its change counts."""

    repair: str
    title: str
    parameters: Mapping[str, Any]
    num_changed: int
    num_removed: int
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What was done, with counts, in one line."""
        counts = [
            counted(number, "row") + done
            for number, done in ((self.num_changed, " changed"), (self.num_removed, " removed"))
            if number
        ]
        return f"{self.title}: {', '.join(counts) or 'no changes'}"


def parse_step(written: str) -> RepairStep:
    """A repair as it is written on the command line.

    The format is the name alone, or the name, a colon and the parameters: ``drop_rare_labels:minimum=5;into=other``, or a JSON
    object: ``merge_labels:{"mapping": {"Billing": "billing"}}``. Items of a list are separated by commas, names of a mapping by
    ``->``: ``merge_labels:mapping=Billing->billing,BILLING->billing``.

    Raises:
        DatasetError: there is no such repair, or its parameters cannot be read.
    """
    name, _, rest = written.strip().partition(":")
    repair = get_repair(name.strip())
    raw: dict[str, Any] = {}
    if rest.strip().startswith("{"):
        try:
            raw = json.loads(rest)
        except ValueError:
            raise DatasetError(f"The parameters of repair {repair.name!r} are not a JSON object: {short(rest, 80)}.") from None
    elif rest.strip():
        known = {parameter.name: parameter for parameter in repair.parameters}
        for pair in rest.split(";"):
            key, sign, value = (piece.strip() for piece in pair.partition("="))
            if not sign:
                raise DatasetError(
                    f"{short(pair, 80)} is not of the form NAME=VALUE. Write repairs as in drop_rare_labels:minimum=5;into=other."
                )
            raw[key] = _value(known[key], value) if key in known else value
    repair.complete(raw)
    return RepairStep(repair=repair.name, parameters=raw)


def _value(parameter: Parameter, written: str) -> Any:
    if parameter.kind in ("choice", "text", "label", "column"):
        return written
    is_list = parameter.kind in ("choices", "labels", "texts")
    try:
        value = json.loads(written)
    except ValueError:
        value = None
    if value is not None and (isinstance(value, list) or not is_list):
        return value
    if parameter.kind == "mapping":
        pairs = [pair.partition("->") for pair in written.split(",")]
        return {old.strip(): new.strip() for old, sign, new in pairs if sign} if all(sign for _, sign, _ in pairs) else written
    if is_list:
        return [item.strip() for item in written.split(",") if item.strip()]
    return {"yes": True, "no": False}.get(written.lower(), written)


def kept_parameters(repair: Repair, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as stored in a version: complete, except for very long lists, of which only the length is stored."""
    complete = repair.complete(parameters)
    return {
        name: f"{len(value):,} entries" if isinstance(value, list | tuple | dict) and len(value) > _MOST_KEPT else value
        for name, value in complete.items()
    }


def _in_words(parameter: Parameter, value: Any) -> str:
    if parameter.kind == "choice":
        return parameter.choices.get(value, str(value)).lower()
    if parameter.kind == "switch":
        return parameter.title.lower() if value else f"{parameter.title.lower()}: off"
    if parameter.kind == "mapping":
        shown = [f"{short(old, 30)} → {short(new, 30)}" for old, new in list(value.items())[:3]]
        return ", ".join(shown) + (f" and {len(value) - 3} more" if len(value) > 3 else "")
    if parameter.kind in ("ids", "corrections"):
        return counted(len(value), "row")
    if parameter.kind == "choices":
        return ", ".join(parameter.choices.get(item, str(item)) for item in value)
    if isinstance(value, list | tuple):
        return ", ".join(short(str(item), 30) for item in value[:3]) + (f" and {len(value) - 3} more" if len(value) > 3 else "")
    return f"{parameter.title.lower()} {short(value) if isinstance(value, str) else value}"
