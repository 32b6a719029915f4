"""SHA-256 hashes of files, for detecting damage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes_of(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """The sha256 of files, and of every visible file in folders, by their path below ``root`` with slashes.

    Missing files are left out.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[str, str] = {}
    for path in paths:
        files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
        for file in files:
            name = file.relative_to(root).as_posix()
            if not any(part.startswith(".") for part in name.split("/")):
                found[name] = sha256_of(file)
    return found


def damage_in(root: Path, hashes: Mapping[str, str]) -> dict[str, str]:
    """Which of these files have changed.

    Args:
        root: their root folder.
        hashes: path below ``root`` -> its sha256; empty if it is unknown.

    Returns:
        path below ``root`` -> the problem: ``gone``, ``empty``, ``changed`` or ``unreadable``.
    """
    found = {name: _damage(root / name, expected) for name, expected in hashes.items()}
    return {name: damage for name, damage in found.items() if damage}


def _damage(path: Path, expected: str) -> str:
    try:
        if not path.is_file():
            return "gone"
        if not path.stat().st_size:
            return "empty"
        return "changed" if expected and sha256_of(path) != expected else ""
    except OSError:
        return "unreadable"
