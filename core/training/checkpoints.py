"""Checkpoints that are whole or not there: written aside, hashed, renamed into place, and verified before they are read.

A checkpoint is a folder ``step-00000042`` with the weights as they are, the best weights so far, the state of optimizer, schedule
and random numbers, and ``manifest.json`` with the sha256 of each file, written last. Two are kept; a damaged one costs little.
All of it is safetensors and JSON: reading a checkpoint runs no code, whoever wrote it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
KEPT = 2

LAYOUT = 4
"""Number of what a checkpoint's files are and hold. The first had a ``state.pt``; the second did not tell a score from the
highest of its ties; the third had neither the scale of float16 losses nor what validation's rows were answered."""

READABLE = frozenset({3, LAYOUT})
"""Layouts from which training goes on."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, write: Callable[[Path], None], progress: Mapping[str, Any]) -> Path:
        """Make a checkpoint; where that fails, for want of room for instance, those before it stay as they are.

        Args:
            step: optimizer steps done.
            write: puts its files into the folder it is given.
            progress: plain values kept in the manifest.
        """
        final = self.folder / f"step-{step:08d}"
        aside = self.folder / f".{final.name}.part"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            write(aside)
            hashes = {path.name: _sha256(path) for path in sorted(aside.iterdir())}
            with (aside / MANIFEST).open("w", encoding="utf-8") as manifest:
                json.dump({"layout": LAYOUT, "step": step, "files": hashes, "progress": dict(progress)}, manifest)
                manifest.flush()
                os.fsync(manifest.fileno())
            shutil.rmtree(final, ignore_errors=True)
            aside.rename(final)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        for old in self._all()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def latest(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint whose files are what its manifest says, with its progress; others are passed over."""
        for folder in reversed(self._all()):
            progress = _verified_progress(folder)
            if progress is not None:
                return folder, progress
        return None

    def set_unreadable_aside(self) -> dict[str, str]:
        """Take what training cannot go on from out of the way, and what was never finished.

        Returns:
            Name of each checkpoint, and why training cannot go on from it, as the end of a sentence. Their files are kept under a
            hidden name, for whoever wants to look into it.
        """
        reasons = {folder: _why_not(folder) for folder in self._all()}
        unreadable = {folder: reason for folder, reason in reasons.items() if reason is not None}
        for folder in unreadable:
            aside = folder.with_name(f".damaged-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        for unfinished in self.folder.glob(".step-*.part"):
            shutil.rmtree(unfinished, ignore_errors=True)
        return {folder.name: reason for folder, reason in unreadable.items()}

    def remove_all(self) -> None:
        """Free the disk once the run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*")) if self.folder.is_dir() else []


def _verified_progress(folder: Path) -> dict[str, Any] | None:
    manifest = _manifest(folder)
    try:
        if manifest["layout"] in READABLE and all(
            _sha256(folder / name) == expected for name, expected in manifest["files"].items()
        ):
            progress: dict[str, Any] = manifest["progress"]
            return progress
    except (OSError, KeyError, TypeError, AttributeError):
        pass
    return None


def _why_not(folder: Path) -> str | None:
    """Why training cannot go on from a checkpoint; nothing if it can."""
    if _verified_progress(folder) is not None:
        return None
    manifest = _manifest(folder)
    if "files" in manifest and manifest.get("layout", 1) not in READABLE:
        return "was written by another version of Tuneboard, which keeps its state in another form,"
    return "is damaged"


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
