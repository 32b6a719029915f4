"""Line numbers of the fields of a run config's YAML, so that an error can name the line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import yaml

from core.errors import ConfigError


def places_in_yaml(text: str) -> dict[str, str]:
    """Dotted name (of a section, its bare name) -> ``line 12``, counted from 1; empty if the text is not YAML."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    places = {}
    for section, below in _entries(root):
        places[section.value] = _line_of(section)
        for key, _ in _entries(below):
            places[f"{section.value}.{key.value}"] = _line_of(key)
    return places


@contextmanager
def pointing_at(places: Mapping[str, str]) -> Iterator[None]:
    """Add the place of its field to a ``ConfigError`` raised inside.

    Args:
        places: dotted name -> place in words; errors of other fields stay as they are.
    """
    try:
        yield
    except ConfigError as error:
        if error.place or error.field not in places:
            raise
        raise ConfigError(error.field, error.problem, place=places[error.field]) from None


def _entries(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Keys that are plain scalars, and the value node of each."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]


def _line_of(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
