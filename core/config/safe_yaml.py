"""Safe reading of a run config's YAML from an upload, a file on the command line or a run's folder.

A config has sections with plain values. Everything else in YAML is refused while it is parsed: a few lines of nested aliases can
expand to more values than fit into memory, and a thousand brackets exceed Python's recursion limit.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from core.config.yaml_lines import places_in_yaml, pointing_at
from core.errors import ConfigError

MOST_BYTES = 64 * 1024
"""Largest config in bytes; a run's config has about 2 KiB."""

DEEPEST = 8
"""Deepest nesting that is parsed; a config has three levels. Deeper values are refused during parsing, not after it."""

LONGEST_KEY = 100
LONGEST_TEXT = 8192
LARGEST_NUMBER = 2**53


def config_text(file: Path) -> str:
    """The text of a config file.

    Raises:
        ConfigError: it is not a file, cannot be read, or is too large.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError("--config", f"{file.name[:120]!r} is not a file. Give a YAML file.")
        _check_size(status.st_size)
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # a path may contain a NUL character, and a file may not be text
        known = isinstance(error, OSError) and error.strerror
        cause = known or ("it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "its name is not valid")
        raise ConfigError("--config", f"cannot read {file.name[:120]!r}: {cause}. Give a YAML file.") from None


def mapping_from_yaml(text: str) -> dict[str, Any]:
    """The sections and plain values of a YAML text; no other objects are ever built from it.

    Raises:
        ConfigError: the text is not YAML, not a mapping, or contains something other than settings.
    """
    _check_size(len(text.encode("utf-8", "surrogatepass")))
    loader = None
    try:
        if not _is_text(text):
            raise ValueError
        loader = _PlainLoader(text)  # which refuses characters that YAML does not have
        raw = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            "config", f"is not valid YAML{where}. Correct the file, or download a run's config to start from."
        ) from None
    except (ValueError, OverflowError, RecursionError):  # a number of thousands of digits, the 99th of a month
        raise ConfigError(
            "config", "contains a value that is not a setting. Start from a config downloaded from a run."
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(raw, dict):
        found = "is empty" if raw is None else f"is a {type(raw).__name__}"
        raise ConfigError("config", f"{found}; expected sections such as 'training:' with keys below them.")
    with pointing_at(places_in_yaml(text)):
        _check_plain(raw)
    return raw


class _PlainLoader(yaml.SafeLoader):
    """Builds only plain values, refuses aliases, and stops at ``DEEPEST``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        place = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError("config", "has an alias such as *name. Write the value itself instead.", place=place)
        if self._depth == DEEPEST:
            raise ConfigError("config", "has values nested deeper than sections and their keys. Remove them.", place=place)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _check_size(num_bytes: int) -> None:
    if num_bytes > MOST_BYTES:
        raise ConfigError("config", f"is {num_bytes // 1024} KiB long; a run's config has only a few KiB. Choose another file.")


def _check_plain(raw: Mapping[Any, Any]) -> None:
    """Refuse everything but one level of sections with plain values."""
    for name, section in raw.items():
        _check_name(name)
        if not isinstance(section, Mapping):
            _check_value(name, section)
            continue
        for key, value in section.items():
            _check_name(key)
            _check_value(f"{name}.{key}", value)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or len(name) > LONGEST_KEY:
        raise ConfigError("config", "has a key that is not a short ASCII word. Correct or remove it.")


def _check_value(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, str | int | float):
        raise ConfigError(name, "is not a single value; expected a number, a word, true or false.")
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or "\0" in value or not _is_text(value)):
        raise ConfigError(name, "is not a short line of text. Correct or remove it.")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ConfigError(name, "is too large a number. Correct or remove it.")


def _is_text(value: str) -> bool:
    """Whether it can be encoded as UTF-8: half a surrogate pair cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
