"""Checkpoints that are whole or not there: written aside, hashed, renamed into place, and verified before they are read.

A checkpoint is a folder ``step-00000042`` with the weights as they are, the best weights so far, the state of optimizer, schedule
and random numbers, and ``manifest.json`` with the sha256 of each file, written last. Two are kept; a damaged one costs little.
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
                json.dump({"step": step, "files": hashes, "progress": dict(progress)}, manifest)
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
        """The newest checkpoint whose files are what its manifest says, with its progress; damaged ones are passed over."""
        for folder in reversed(self._all()):
            progress = _verified_progress(folder)
            if progress is not None:
                return folder, progress
        return None

    def set_damaged_aside(self) -> list[str]:
        """Take checkpoints whose files are not what their manifest says out of the way, and what was never finished.

        Returns:
            Names of the damaged ones. Their files are kept under a hidden name, for whoever wants to look into it.
        """
        damaged = [folder for folder in self._all() if _verified_progress(folder) is None]
        for folder in damaged:
            aside = folder.with_name(f".damaged-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        for unfinished in self.folder.glob(".step-*.part"):
            shutil.rmtree(unfinished, ignore_errors=True)
        return [folder.name for folder in damaged]

    def remove_all(self) -> None:
        """Free the disk once the run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*")) if self.folder.is_dir() else []


def _verified_progress(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if all(_sha256(folder / name) == expected for name, expected in manifest["files"].items()):
            progress: dict[str, Any] = manifest["progress"]
            return progress
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
