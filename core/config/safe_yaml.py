"""Reading a run config's YAML, wherever it comes from: an upload, a file named on a command line, a run's folder.

A config has sections with plain values below them. Whatever else YAML can say is refused before it can grow: a few lines that
refer to each other stand for more values than a machine can hold, and a thousand brackets for more depth than Python has.
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
"""A run's config has about 2 KiB."""

DEEPEST = 8
"""Levels that are read; a config has three. What is deeper is refused while it is read, and not after."""

LONGEST_KEY = 100
LONGEST_TEXT = 8192
LARGEST_NUMBER = 2**53


def config_text(file: Path) -> str:
    """The text of a config file.

    Raises:
        ConfigError: it is no file, cannot be read, or is far too long.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError("--config", f"{file.name[:120]!r} is not a file. Give a YAML file.")
        _check_size(status.st_size)
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # a path may hold a NUL character, and a file no text
        known = isinstance(error, OSError) and error.strerror
        cause = known or ("it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "it has no such name")
        raise ConfigError("--config", f"cannot read {file.name[:120]!r}: {cause}. Give a YAML file.") from None


def mapping_from_yaml(text: str) -> dict[str, Any]:
    """The sections and plain values that a YAML text holds; nothing else is ever built from it.

    Raises:
        ConfigError: the text is not YAML, not a mapping, or has something that is no setting.
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
        raise ConfigError("config", "holds something that is no setting. Start from a config downloaded from a run.") from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(raw, dict):
        raise ConfigError("config", f"holds {type(raw).__name__}, expected sections such as 'training:' with keys below them.")
    with pointing_at(places_in_yaml(text)):
        _check_plain(raw)
    return raw


class _PlainLoader(yaml.SafeLoader):
    """Builds plain values alone, refuses aliases, and stops at ``DEEPEST``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        place = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError("config", "has an alias such as *name. Write the value out in its place.", place=place)
        if self._depth == DEEPEST:
            raise ConfigError("config", "has values nested deeper than sections and their keys. Take them out.", place=place)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _check_size(num_bytes: int) -> None:
    if num_bytes > MOST_BYTES:
        raise ConfigError("config", f"is {num_bytes // 1024} KiB long; a run's config has a few. Choose another file.")


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
        raise ConfigError("config", "has a key that is not a short word in plain letters. Correct it, or take it out.")


def _check_value(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, str | int | float):
        raise ConfigError(name, "is not one plain value; expected a number, a word, true or false.")
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or "\0" in value or not _is_text(value)):
        raise ConfigError(name, "is not one short line of text. Correct it, or take it out.")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ConfigError(name, "is too large a number. Correct it, or take it out.")


def _is_text(value: str) -> bool:
    """Whether it can be written: half a surrogate pair cannot."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
