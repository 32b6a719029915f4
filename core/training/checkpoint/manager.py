"""Atomic checkpoints: written to a temporary folder, hashed, flushed to disk, renamed, and verified before they are read.

A checkpoint is a folder ``step-00000042`` with the current weights, the best weights so far, the state of optimizer, schedule and
random number generators, and ``manifest.json`` with the SHA-256 of each file, written last. Two are kept, so that a damaged one
costs little. All of it is safetensors and JSON: reading a checkpoint never runs code.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.files import durable
from core.files.hashes import sha256_of
from core.files.trash import hidden_in, remove, remove_folder

MANIFEST = "manifest.json"
KEPT = 2

LAYOUT = 4
"""Format version of checkpoints. Version 1 had a ``state.pt``; version 2 did not record the highest score of a tie; version 3 had
neither the float16 loss scale nor the outcomes of validation rows."""

READABLE = frozenset({3, LAYOUT})
"""Format versions from which training can resume."""

_EARLIER = ".earlier"
"""Suffix of a checkpoint while another one of the same step replaces it."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, write: Callable[[Path], None], progress: Mapping[str, Any]) -> Path:
        """Save a checkpoint; if that fails, for example because the disk is full, earlier checkpoints are unchanged.

        Args:
            step: optimizer steps done.
            write: writes its files into the given folder.
            progress: plain values for the manifest.
        """
        final = self.folder / f"step-{step:08d}"
        earlier = final.with_name(final.name + _EARLIER)
        with durable.written_folder(final) as temporary:
            write(temporary)
            hashes = {path.name: sha256_of(path) for path in sorted(temporary.iterdir())}
            manifest = {"layout": LAYOUT, "step": step, "files": hashes, "progress": dict(progress)}
            # Not strict JSON: an observed loss may be NaN or infinite.
            durable.write_text(temporary / MANIFEST, json.dumps(manifest, ensure_ascii=False))
            if final.exists():  # it may be the only one, so it keeps a visible name until the new one is in place
                _remove(earlier)
                durable.move(final, earlier)
        _remove(earlier)
        for old in self._all()[:-KEPT]:
            _remove(old)
        return final

    def latest(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint whose files match its manifest, with its progress; others are skipped."""
        for folder in reversed(self._all()):
            progress = _verified_progress(folder)
            if progress is not None:
                return folder, progress
        return None

    def set_unreadable_aside(self) -> dict[str, str]:
        """Hide checkpoints from which training cannot resume, and remove unfinished ones.

        Returns:
            Name of each checkpoint, and why training cannot resume from it, as the end of a sentence. Their files are kept under
            a hidden name for inspection.
        """
        reasons = {folder: _why_not(folder) for folder in self._all()}
        unreadable = {folder: reason for folder, reason in reasons.items() if reason is not None}
        for folder in unreadable:
            hidden = folder.with_name(f".damaged-{folder.name}")
            shutil.rmtree(hidden, ignore_errors=True)
            durable.move(folder, hidden)
        for unfinished in (*self.folder.glob(".step-*.part"), *hidden_in(self.folder), *hidden_in(self.folder.parent)):
            remove(unfinished)
        return {folder.name.removesuffix(_EARLIER): reason for folder, reason in unreadable.items()}

    def remove_all(self) -> None:
        """Remove all checkpoints once the run is complete."""
        _remove(self.folder)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*")) if self.folder.is_dir() else []


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # what is not removed now is removed by the next worker
        remove_folder(folder)


def _verified_progress(folder: Path) -> dict[str, Any] | None:
    manifest = _manifest(folder)
    try:
        if manifest["layout"] in READABLE and all(
            sha256_of(folder / name) == expected for name, expected in manifest["files"].items()
        ):
            progress: dict[str, Any] = manifest["progress"]
            return progress
    except (OSError, KeyError, TypeError, AttributeError):
        pass
    return None


def _why_not(folder: Path) -> str | None:
    """Why training cannot resume from a checkpoint; ``None`` if it can."""
    if _verified_progress(folder) is not None:
        return None
    manifest = _manifest(folder)
    if "files" in manifest and manifest.get("layout", 1) not in READABLE:
        return "was written by another version of Tuneboard in another format,"
    return "is damaged"


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
