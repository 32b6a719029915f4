"""One declaration for each option of a run: its default, its range and the line of help shown by every interface.

A section of the run config is a frozen dataclass whose fields are made by ``option``. The form, the command line and YAML read
the same declarations; ``validate`` and ``parse`` name the dotted field and what it allows.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import ConfigError
from core.text_format import shown


@dataclass(frozen=True, kw_only=True)
class Option:
    """What a field accepts, and its title and help.

    Attributes:
        help: one line: what the choice does to the result.
        title: the field's name on screen.
        minimum, maximum: inclusive bounds of a number.
        above, below: exclusive bounds of a number.
        choices: every allowed value, with its label on screen.
        needs: another field, of any section, and its values with which this one has an effect; ``None`` if it always does.
        essential: shown at first; the others are under "All options".
    """

    help: str
    title: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Mapping[str, str] | None = None
    needs: tuple[str, tuple[str, ...]] | None = None
    essential: bool = False


def option(default: Any = dataclasses.MISSING, **declaration: Any) -> Any:
    """A dataclass field that carries an ``Option``; keyword arguments are those of ``Option``."""
    return field(default=default, metadata={"option": Option(**declaration)})


def option_of(section: type, name: str) -> Option:
    """The declaration of one field of a section."""
    for declared in dataclasses.fields(section):
        if declared.name == name:
            return typing.cast(Option, declared.metadata["option"])
    raise KeyError(name)


def validate(section_name: str, section: Any) -> None:
    """Check every field of a frozen section against its type and ``Option``.

    Raises:
        ConfigError: names the dotted field, the value and what is allowed.
    """
    hints = typing.get_type_hints(type(section))
    for declared in dataclasses.fields(section):
        value = getattr(section, declared.name)
        dotted = f"{section_name}.{declared.name}"
        if not _has_type(value, hints[declared.name]):
            raise ConfigError(dotted, f"is {shown(value)}; expected {_type_in_words(hints[declared.name])}.")
        if value is not None:
            _check_range(dotted, value, declared.metadata["option"])


def parse(raw: Any, hint: Any) -> Any:
    """Convert a value from YAML or a command line to the field's type.

    YAML reads ``2e-4`` as text and ``1`` as an integer where a float is meant; both are converted. Anything that does not fit is
    returned unchanged, for ``validate`` to refuse.

    Args:
        raw: the value as read.
        hint: the field's type hint.
    """
    optional, kind = _unwrap_optional(hint)
    if raw is None or (optional and isinstance(raw, str) and raw.strip().lower() in {"", "none", "null", "automatic"}):
        return None
    try:
        if kind is float and not isinstance(raw, bool):
            return float(raw)
        if kind is int and isinstance(raw, str | float) and float(raw).is_integer():
            return int(float(raw))
    except (ValueError, OverflowError):
        return raw
    if kind is bool and isinstance(raw, str) and raw.strip().lower() in {"true", "false", "yes", "no", "on", "off"}:
        return raw.strip().lower() in {"true", "yes", "on"}
    if kind is str and isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    return raw


def _unwrap_optional(hint: Any) -> tuple[bool, Any]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return True, kinds[0]
    return False, hint


def _has_type(value: Any, hint: Any) -> bool:
    optional, kind = _unwrap_optional(hint)
    if value is None:
        return optional
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _type_in_words(hint: Any) -> str:
    optional, kind = _unwrap_optional(hint)
    words = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}[kind]
    return f"{words}, or automatic" if optional else words


def _check_range(dotted: str, value: Any, declared: Option) -> None:
    if declared.choices is not None and value not in declared.choices:
        raise ConfigError(dotted, f"is {shown(value)}; expected one of {', '.join(declared.choices)}.")
    if declared.minimum is not None and value < declared.minimum:
        raise ConfigError(dotted, f"is {shown(value)}; expected at least {declared.minimum:g}.")
    if declared.maximum is not None and value > declared.maximum:
        raise ConfigError(dotted, f"is {shown(value)}; expected at most {declared.maximum:g}.")
    if declared.above is not None and value <= declared.above:
        raise ConfigError(dotted, f"is {shown(value)}; expected more than {declared.above:g}.")
    if declared.below is not None and value >= declared.below:
        raise ConfigError(dotted, f"is {shown(value)}; expected less than {declared.below:g}.")
