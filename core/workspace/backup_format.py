"""Format of a backup: files of a workspace under the names they have there, and a manifest, written last, with their hashes.

A backup is a zip, or a folder with the same content. Files that are not in the manifest do not belong to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import UserError
from core.files.text_patterns import BACKUP_PART

MANIFEST = "manifest.json"
DATABASE = "tuneboard.db"
DATASETS, RUNS = "datasets", "runs"

LAYOUT = 1
"""Format version of backups; an older Tuneboard refuses a newer format."""

LARGEST_MANIFEST = 256 * 2**20
"""Bytes; a million files take about 150 MB."""


@dataclass(frozen=True)
class Entry:
    """A file of a backup.

    Attributes:
        sha256: hash of its content.
        size: bytes.
    """

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """Content of a backup.

    Attributes:
        files: name, with slashes, below the root of the workspace -> the file.
        created_at: ISO 8601, UTC.
        with_checkpoints: whether unfinished runs can be resumed from it.
        version: the version of Tuneboard that wrote it.
    """

    files: Mapping[str, Entry]
    created_at: str
    with_checkpoints: bool
    version: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def count(self, room: str) -> int:
        """How many data sets or runs are in it."""
        return len({name.split("/")[1] for name in self.files if name.startswith(f"{room}/")})

    def to_json(self) -> bytes:
        """The manifest as it is written."""
        value = {"layout": LAYOUT, **asdict(self), "files": {name: asdict(entry) for name, entry in self.files.items()}}
        return json.dumps(value, ensure_ascii=False, indent=1).encode()


def read_manifest(content: bytes) -> Manifest:
    """The manifest of a backup, every name in it checked.

    Raises:
        UserError: it is damaged, of a newer Tuneboard, or contains a name outside the workspace.
    """
    try:
        value: Any = json.loads(content)
        layout = int(value["layout"])
        if layout > LAYOUT:
            raise UserError("This backup was written by a newer Tuneboard. Update Tuneboard, then restore it.")
        files = {
            check_name(str(name)): Entry(sha256=str(entry["sha256"]), size=int(entry["size"]))
            for name, entry in value["files"].items()
        }
        if DATABASE not in files or any(entry.size < 0 for entry in files.values()):
            raise ValueError("no database, or a size below zero")
        return Manifest(files, str(value["created_at"]), bool(value["with_checkpoints"]), str(value["version"]))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        raise UserError(
            "This is not a backup of a Tuneboard workspace, or its manifest.json is damaged. Choose a file that "
            "'python -m core backup' has written."
        ) from None


def is_name(name: str) -> bool:
    """Whether the name is allowed in a backup: the database, or a visible file of a data set or run."""
    parts = name.split("/")
    is_known = name == DATABASE or (len(parts) > 2 and parts[0] in (DATASETS, RUNS))
    return is_known and all(
        BACKUP_PART.fullmatch(part) and not part.startswith(".") and not part.endswith((" ", ".")) for part in parts
    )


def check_name(name: str) -> str:
    """The name of a file in a backup, if ``is_name`` holds.

    Raises:
        UserError: it is not allowed.
    """
    if not is_name(name):
        raise UserError(
            f"The backup contains a file that does not belong in a workspace: {name[:80]!r}. Nothing was restored; "
            "the backup was not written by Tuneboard, or was changed since."
        )
    return name
