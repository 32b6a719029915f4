"""Python imports this first where its folder is on ``PYTHONPATH``: it takes from our own code what a platform may lack.

Modules and names that Windows does not have are gone for whatever lies below ``core`` and ``dashboard``; libraries keep them, for
some of them need them on Linux. So the whole product, its workers included, can be run on Linux as if it were elsewhere.
"""

import builtins
import subprocess
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lacking_names import MODULES, NAMES, POPEN

_ROOT = Path(__file__).resolve().parents[2]
_OURS = tuple(f"{_ROOT / room}/" for room in ("core", "dashboard"))


class _Lacking(types.ModuleType):
    """A module without some of its names."""

    def __init__(self, module: types.ModuleType, names: frozenset[str]) -> None:
        super().__init__(module.__name__)
        self._module, self._names = module, names

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} here")
        return getattr(self._module, name)


class _Popen(subprocess.Popen):
    """Starts a process with what every platform knows."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        lacking = POPEN & {name for name, value in named.items() if value}
        if lacking:
            raise ValueError(f"{', '.join(sorted(lacking))} is not supported here")
        super().__init__(*arguments, **named)


def _import(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002  (its name in the language)
    locals: Mapping[str, Any] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> types.ModuleType:
    asked_by = str((globals or {}).get("__file__", ""))
    top = name.partition(".")[0]
    is_ours = level == 0 and asked_by.startswith(_OURS)
    if is_ours and top in MODULES:
        raise ModuleNotFoundError(f"No module named {name!r} here", name=name)
    module = _real_import(name, globals, locals, fromlist, level)
    if not is_ours:
        return module
    if top == "subprocess":
        lacking = _Lacking(module, frozenset())
        lacking.Popen = _Popen
        return lacking
    return _Lacking(module, NAMES[top]) if module.__name__ in NAMES else module


_real_import = builtins.__import__
builtins.__import__ = _import
