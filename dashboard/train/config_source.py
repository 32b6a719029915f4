"""Initial settings of the Train page: from an uploaded config file, or from an earlier run (``?like=RUN_ID``).

A config is untrusted input even if Tuneboard wrote it: it may be edited by hand, come from another version or be malicious.
Every value is checked by the declarations in ``core.config.run_config`` before a field shows it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from core.config.run_config import SECTIONS, RunConfig, mapping_from_yaml
from core.config.yaml_lines import places_in_yaml, pointing_at
from core.errors import ConfigError, NotFoundError
from core.models.hub import BUNDLED
from core.training.planning.recipes import get_recipe
from dashboard.shared import formats, state
from dashboard.shared.escaping import markdown_text

_LONGEST_TEXT = 1000
_APPLIED = "train-start-applied"
_PLACE = {"dataset": "any", "dataset_hash": "any", "task": "any"}
"""Placeholder for the ``data`` section, which the page fills in."""


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """The initial values of the form.

    Attributes:
        key: differs for different settings; empty if only the recipe applies.
        recipe, model: as set in the config, if they are.
        values: dotted name -> value of every other field that the config sets.
        places: dotted name -> the line on which it is set.
    """

    key: str = ""
    recipe: str | None = None
    model: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


def draw_starting_point() -> StartingPoint:
    """The initial settings: from an uploaded file, else from the run in the URL, else from the recipe only.

    Raises:
        ConfigError: the file or the run's config is invalid.
    """
    like = state.id_in_url("like")
    with st.expander("Start from a config file", icon=":material/upload_file:"):
        uploaded = st.file_uploader(
            "A run's config as YAML", type=["yaml", "yml"], key="train-config", max_upload_size=1, label_visibility="collapsed"
        )
        st.caption("Its settings fill in the form below, where you can change them. It can come from a run on other data.")
    if uploaded is not None:
        start = starting_point(_text_of(uploaded.getvalue()))
        st.caption(f"Settings from {markdown_text(uploaded.name, longest=60)}: {_in_words(start)}.")
    elif like is not None:
        start = _like_run(like)
    else:
        start = StartingPoint()
    _apply(start)
    return start


def starting_point(text: str) -> StartingPoint:
    """Read the YAML text of a config.

    Raises:
        ConfigError: something in it is invalid; names the field, or the line if it is not YAML.
    """
    raw = mapping_from_yaml(text)
    raw.pop("data", None)
    recipe = raw.get("recipe")
    places = places_in_yaml(text)
    with pointing_at(places):
        _check_shown(raw)
        config = RunConfig.from_dict({**raw, "data": _PLACE})
        if recipe is not None:
            get_recipe(str(recipe))
    values = {
        f"{section}.{name}": getattr(getattr(config, section), name) for section in SECTIONS for name in raw.get(section) or {}
    }
    model = values.pop("model.model", None)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return StartingPoint(key=digest, recipe=None if recipe is None else str(recipe), model=model, values=values, places=places)


def _like_run(run_id: str) -> StartingPoint:
    try:
        run = state.workspace().run(run_id)
        text = state.workspace().run_dir(run.id).config_file.read_text(encoding="utf-8")
    except (NotFoundError, OSError, UnicodeDecodeError):
        st.caption("The run to start from no longer exists. The settings below are the recipe defaults.")
        return StartingPoint()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Settings from run {markdown_text(run.name, longest=60)}.", width="content")
        if st.button("Use recipe defaults", type="tertiary", icon=":material/close:", key="train-unlike"):
            del st.query_params["like"]
            st.rerun()
    return starting_point(text)


def _apply(start: StartingPoint) -> None:
    """Put recipe and model into their fields, once for each starting point and again after the page was left."""
    if st.session_state.get(_APPLIED) == start.key and "train-recipe" in st.session_state:
        return
    st.session_state[_APPLIED] = start.key
    if start.recipe is not None:
        st.session_state["train-recipe"] = start.recipe
    if start.model is None:
        return
    source = _source_of(start.model)
    st.session_state["train-model-source"] = source
    if source != "bundled":
        st.session_state[f"train-model-{source}"] = start.model


def _source_of(reference: str) -> str:
    if reference == BUNDLED:
        return "bundled"
    folder = Path(reference)
    return "folder" if folder.is_absolute() or reference.startswith(("~", ".", "\\")) or folder.is_dir() else "hub"


def _in_words(start: StartingPoint) -> str:
    named = [name for name, value in (("recipe", start.recipe), ("model", start.model)) if value is not None]
    return ", ".join([*named, formats.plural(len(start.values), "setting")])


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("config", "is not UTF-8 text. Save it as UTF-8, or choose another file.") from None


def _check_shown(raw: Mapping[str, Any]) -> None:
    """Refuse texts that a field of the form cannot show."""
    for name, section in raw.items():
        values = {f"{name}.{key}": value for key, value in section.items()} if isinstance(section, Mapping) else {name: section}
        for dotted, value in values.items():
            if isinstance(value, str) and (len(value) > _LONGEST_TEXT or not value.isprintable()):
                raise ConfigError(dotted, "is not one short line of text. Correct or remove it.")
