"""The settings form, generated from the declarations in ``core.config.options`` (title, help, range and choices).

The recipe fills in every field; changed fields are returned as overrides. The few essential fields come first, the rest under
"All options".
"""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from core.config.options import Option, option_of
from core.config.run_config import SECTION_TITLES, SECTIONS, RunConfig
from core.errors import ConfigError
from core.tasks import get_task
from dashboard.shared import formats
from dashboard.shared.escaping import markdown_text

_ELSEWHERE = {"model"}
"""Fields that the page itself draws."""
_FIELD_PX = 215
"""Wide enough for the longest title and choice; fields are placed side by side as the window allows."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of the run config as the form sees it."""

    section: str
    name: str
    declared: Option
    kind: type
    optional: bool


def fields_of(essential: bool) -> dict[str, list[Field]]:
    """The essential fields, or all the others, by section."""
    found: dict[str, list[Field]] = {}
    for section, kind in SECTIONS.items():
        if section == "data":
            continue
        hints = typing.get_type_hints(kind)
        for name in (declared.name for declared in dataclasses.fields(kind)):
            declared_option = option_of(kind, name)
            if declared_option.essential is essential and name not in _ELSEWHERE:
                plain, optional = _plain_type(hints[name])
                found.setdefault(section, []).append(Field(section, name, declared_option, plain, optional))
    return found


def draw_essential(
    config: RunConfig, shown: RunConfig, reasons: Mapping[str, str], *, key: str, choices: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """The essential fields, with the recipe's reasons below.

    Args:
        config: the recipe's values.
        shown: initial values of the fields: the recipe's, or those of a config file or an earlier run.
        reasons: field name -> why the recipe chose its value.
        key: differs if the recipe's values may differ, so that a changed recipe shows its own values.
        choices: for fields that are declared as text but drawn as a choice: value -> title.

    Returns:
        The fields that differ from the recipe.
    """
    fields = [field for of_section in fields_of(essential=True).values() for field in of_section]
    changed = _draw_fields(fields, config, shown, key=key, choices=choices, reasons=reasons, width="stretch")
    _draw_reasons(fields, changed, reasons, shown, key=key)
    return changed


def draw_rest(
    config: RunConfig, shown: RunConfig, reasons: Mapping[str, str], *, key: str, choices: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """All other fields, by section; arguments as for ``draw_essential``.

    Returns:
        The fields that differ from the recipe.
    """
    changed: dict[str, Any] = {}
    sections = fields_of(essential=False)
    above = st.container()
    for section, fields in sections.items():
        st.markdown(f"**{SECTION_TITLES[section]}**")
        changed |= _draw_fields(fields, config, shown, key=key, choices=choices, reasons=reasons)
    with above:
        _draw_reasons([field for fields in sections.values() for field in fields], changed, reasons, shown, key=key)
    return changed


def _draw_reasons(
    fields: Sequence[Field], changed: Mapping[str, Any], reasons: Mapping[str, str], shown: RunConfig, *, key: str
) -> None:
    """The recipe's reason for each field that still has the recipe's value."""
    sentences = [
        f"{field.declared.title}: {reasons[field.name]}"
        for field in fields
        if field.name in reasons and f"{field.section}.{field.name}" not in changed and _matters(field, shown, key)
    ]
    if not sentences:
        return
    with st.container(border=True, gap="xsmall"):
        st.caption("Why these values")
        for sentence in sentences:
            st.caption(markdown_text(sentence, longest=400))


def _draw_fields(
    fields: list[Field],
    config: RunConfig,
    shown: RunConfig,
    *,
    key: str,
    choices: Mapping[str, Mapping[str, str]],
    reasons: Mapping[str, str],
    width: int | Literal["stretch"] = _FIELD_PX,
) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    unused = get_task(config.data.task).unused_options
    row = st.container(horizontal=True)
    for field in fields:
        if field.name in unused or not _matters(field, shown, key):
            continue
        recommended, first = (getattr(getattr(one, field.section), field.name) for one in (config, shown))
        with row.container(width=width):
            value = _draw_field(field, first, f"{key}-{field.name}", choices.get(field.name), reasons.get(field.name))
            if value != recommended:
                changed[f"{field.section}.{field.name}"] = value
                _draw_problem(config, field, value)
    return changed


def _matters(field: Field, shown: RunConfig, key: str) -> bool:
    """Whether a field has an effect, given the current value of the field it depends on."""
    if field.declared.needs is None:
        return True
    name, values = field.declared.needs
    return st.session_state.get(f"{key}-{name}", shown.value(name)) in values


def _draw_problem(config: RunConfig, field: Field, value: Any) -> None:
    """Show below a field what is wrong with its value, if anything."""
    try:
        config.with_values({f"{field.section}.{field.name}": value})
    except ConfigError as error:
        st.caption(f":red[{markdown_text(error.problem, longest=300)}]")


def _draw_field(field: Field, first: Any, key: str, choices: Mapping[str, str] | None, reason: str | None) -> Any:
    declared = field.declared
    help_text = f"{declared.help} Recipe: {markdown_text(reason, longest=400)}" if reason else declared.help
    named = choices if choices is not None else declared.choices
    if named is not None:
        options: list[Any] = [None, *named] if field.optional else list(named)
        if first not in options:  # from a config for another task
            options.append(first)
        return st.selectbox(
            declared.title,
            options,
            index=options.index(first),
            format_func=lambda value: "Automatic" if value is None else named.get(value, value),
            key=key,
            help=help_text,
        )
    if field.kind is bool:
        return st.toggle(declared.title, value=bool(first), key=key, help=help_text, width="stretch")
    if field.kind is int:
        return _whole_number(field, first, key, help_text)
    if field.kind is float:
        return _fraction(field, first, key, help_text)
    return st.text_input(declared.title, value=first or "", key=key, help=help_text) or (None if field.optional else "")


def _whole_number(field: Field, first: int | None, key: str, help_text: str) -> int | None:
    declared = field.declared
    return st.number_input(
        declared.title,
        min_value=None if declared.minimum is None else int(declared.minimum),
        max_value=None if declared.maximum is None else int(declared.maximum),
        value=first,
        step=1,
        placeholder="Automatic" if field.optional else None,
        key=key,
        help=help_text,
    )


def _fraction(field: Field, first: float | None, key: str, help_text: str) -> float | None:
    """A decimal number as a text field, so that it can be typed as ``2e-4``."""
    shown = "" if first is None else formats.setting(first)
    typed = st.text_input(
        field.declared.title, value=shown, placeholder="Automatic" if field.optional else None, key=key, help=help_text
    )
    typed = (typed or "").strip().replace(",", ".")
    if typed == shown:
        return first
    if not typed and field.optional:
        return None
    try:
        return float(typed)
    except ValueError:
        st.caption(":red[Not a number; the previous value is used. Enter a number such as 0.1 or 2e-4.]")
        return first


def _plain_type(hint: Any) -> tuple[type, bool]:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    return (kinds[0], True) if kinds else (hint, False)
