"""Checkpoints that are whole or not there: written aside, hashed, put on the disk, renamed, and verified before they are read.

A checkpoint is a folder ``step-00000042`` with the weights as they are, the best weights so far, the state of optimizer, schedule
and random numbers, and ``manifest.json`` with the sha256 of each file, written last. Two are kept; a damaged one costs little.
All of it is safetensors and JSON: reading a checkpoint runs no code, whoever wrote it.
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
"""Number of what a checkpoint's files are and hold. The first had a ``state.pt``; the second did not tell a score from the
highest of its ties; the third had neither the scale of float16 losses nor what validation's rows were answered."""

READABLE = frozenset({3, LAYOUT})
"""Layouts from which training goes on."""

_EARLIER = ".earlier"
"""End of the name of a checkpoint while another one of the same step takes its place."""


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
        earlier = final.with_name(final.name + _EARLIER)
        with durable.written_folder(final) as aside:
            write(aside)
            hashes = {path.name: sha256_of(path) for path in sorted(aside.iterdir())}
            manifest = {"layout": LAYOUT, "step": step, "files": hashes, "progress": dict(progress)}
            # Not as strict JSON: among what was observed may be a loss that is no finite number.
            durable.write_text(aside / MANIFEST, json.dumps(manifest, ensure_ascii=False))
            if final.exists():  # it may be the only one, so it keeps a name that can be seen until the new one has its own
                _remove(earlier)
                durable.move(final, earlier)
        _remove(earlier)
        for old in self._all()[:-KEPT]:
            _remove(old)
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
            durable.move(folder, aside)
        for unfinished in (*self.folder.glob(".step-*.part"), *hidden_in(self.folder), *hidden_in(self.folder.parent)):
            remove(unfinished)
        return {folder.name.removesuffix(_EARLIER): reason for folder, reason in unreadable.items()}

    def remove_all(self) -> None:
        """Free the disk once the run is complete."""
        _remove(self.folder)

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*")) if self.folder.is_dir() else []


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # room that is not given free now is given free by the next worker
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
