"""A disk that loses what was not synced: what could be on it after a power cut at any moment.

A recorder looks at a folder before and after every call that makes a difference (``fsync``, rename, unlink, mkdir, rmdir), and
keeps for each file and folder what it held when it was last synced. A power cut leaves of each file either that or what it holds
now, and of each name in a folder either where it led at its last sync or where it leads now, in any mixture: file systems
order these as they like. Source: Pillai et al., All file systems are not created equal, OSDI 2014.
"""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

Names = dict[str, int]
"""Name in a folder -> number of the file or folder it leads to."""

CALLS = ("rename", "replace", "unlink", "remove", "rmdir", "mkdir")


@dataclass(frozen=True)
class Disk:
    """What a disk holds: the names in each folder, the content of each file."""

    folders: dict[int, Names]
    files: dict[int, str]


@dataclass
class Recorder:
    """Watches a folder and writes down every state in which a power cut could leave it.

    Attributes:
        root: the folder; it is there at the start, and what it holds then is on the disk.
        out: where contents and states go.
        remarks: what has been reached; each state says which of them had been when it was possible.
    """

    root: Path
    out: Path
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.out / "contents").mkdir(parents=True)
        self._keep(b"")
        self._open: dict[tuple[int, int], int] = {}
        self._are_folders: set[int] = set()
        self._seen: set[str] = set()
        self.states: list[tuple[dict[str, str | None], tuple[str, ...]]] = []
        self._synced = self._look()

    # --- watching ----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def watch(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Look at every call while the block lasts."""
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", self._watched_sync(os.fsync))
            for name in CALLS:
                patch.setattr(os, name, self._watched(getattr(os, name)))
            yield
        self._cut()
        for descriptor in self._open.values():
            os.close(descriptor)

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def watched(*arguments: Any, **options: Any) -> Any:
            self._cut()
            try:
                return call(*arguments, **options)
            finally:
                self._cut()

        return watched

    def _watched_sync(self, call: Callable[[int], None]) -> Callable[[int], None]:
        @wraps(call)
        def watched(descriptor: int) -> None:
            self._cut()
            call(descriptor)
            number = self._number(os.fstat(descriptor))
            now = self._look()
            if number in now.folders:
                self._synced.folders[number] = now.folders[number]
            elif number in now.files:
                self._synced.files[number] = now.files[number]
            self._cut()

        return watched

    # --- looking -----------------------------------------------------------------------------------------------------------

    def _number(self, found: os.stat_result, path: Path | None = None) -> int:
        """A number that no other file gets; a file that was seen stays open, so that the system does not use its own again."""
        key = (found.st_dev, found.st_ino)
        if key not in self._open:
            if path is None:
                return -1
            self._open[key] = os.open(path, os.O_RDONLY)
        return self._open[key]

    def _look(self) -> Disk:
        disk = Disk({}, {})
        self._look_at(self.root, disk)
        return disk

    def _look_at(self, folder: Path, disk: Disk) -> int:
        number = self._number(folder.stat(), folder)
        names: Names = {}
        for entry in sorted(folder.iterdir()):
            found = entry.lstat()
            if stat.S_ISDIR(found.st_mode):
                names[entry.name] = self._look_at(entry, disk)
            elif stat.S_ISREG(found.st_mode):
                names[entry.name] = self._number(found, entry)
                disk.files[names[entry.name]] = self._keep(entry.read_bytes())
        disk.folders[number] = names
        self._are_folders.add(number)
        return number

    def _keep(self, content: bytes) -> str:
        name = sha256(content).hexdigest()
        path = self.out / "contents" / name
        if not path.exists():
            path.write_bytes(content)
        return name

    # --- what a power cut would leave --------------------------------------------------------------------------------------

    def _cut(self) -> None:
        """Write down every state that a power cut at this moment could leave."""
        now, then = self._look(), self._synced
        # What has no name any more and was never synced cannot come back.
        names = [
            (folder, name)
            for folder, held in now.folders.items()
            for name in held.keys() | then.folders.get(folder, {}).keys()
            if held.get(name) != then.folders.get(folder, {}).get(name)
        ]
        contents = [file for file, content in now.files.items() if then.files.get(file) != content]
        done: list[set[Any]] = [set(), set(names), {*names, *contents}]
        for one in names:
            done += [{one}, {*contents, *names} - {one}, set(names) - {one}]
        for file in contents:
            done += [{file, *names}, {*contents, *names} - {file}]
        for reached in done:
            self._note(self._after(now, then, reached))

    def _after(self, now: Disk, then: Disk, reached: set[Any]) -> dict[str, str | None]:
        """Paths and contents on a disk that these changes have reached, of all since the last syncs; ``None`` is a folder."""
        tree: dict[str, str | None] = {}
        empty = sha256(b"").hexdigest()

        def enter(folder: int, path: str) -> None:
            old, new = then.folders.get(folder, {}), now.folders.get(folder, then.folders.get(folder, {}))
            for name in old.keys() | new.keys():
                target = (new if (folder, name) in reached or old.get(name) == new.get(name) else old).get(name)
                if target is None:
                    continue
                inner = f"{path}{name}"
                if target in self._are_folders:
                    tree[inner] = None
                    enter(target, f"{inner}/")
                else:
                    synced = then.files.get(target, empty)
                    tree[inner] = now.files.get(target, synced) if target in reached else synced

        enter(self._number(self.root.stat()), "")
        return tree

    def visible_states(self) -> list[tuple[dict[str, str | None], tuple[str, ...]]]:
        """Every state, each once, without what lies under hidden names: nobody looks there."""
        found = {}
        for tree, remarks in self.states:
            seen = {path: content for path, content in tree.items() if "/." not in f"/{path}"}
            found[json.dumps([sorted(seen.items()), remarks])] = (seen, remarks)
        return list(found.values())

    def _note(self, tree: dict[str, str | None]) -> None:
        key = json.dumps([sorted(tree.items()), self.remarks])
        if key not in self._seen:
            self._seen.add(key)
            self.states.append((tree, tuple(self.remarks)))


def lay_out(tree: dict[str, str | None], contents: Path, folder: Path) -> Path:
    """Put a state on a real disk; contents are linked, so none of them may be changed."""
    folder.mkdir(parents=True)
    for path, content in sorted(tree.items()):
        target = folder / path
        if content is None:
            target.mkdir()
        else:
            target.hardlink_to(contents / content)
    return folder
