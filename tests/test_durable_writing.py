"""Whatever is written, renamed or deleted goes through ``core.files``; who may do it otherwise is listed, with the reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path.relative_to(ROOT).as_posix() for room in ("core", "dashboard") for path in (ROOT / room).rglob("*.py"))
OWN_ROOM = "core/files/"

ALLOWED = {
    ("core/cli/versions.py", "write_bytes"): "a file of the person's own, with permissions as they have them",
    ("core/datasets/versions/export.py", "to_parquet"): "into memory",
    ("core/datasets/dataset.py", "to_parquet"): "inside durable.written_folder",
    ("core/training/fine_tune.py", "to_parquet"): "inside durable.written",
    ("core/models/build.py", "mkdir"): "inside durable.written_folder",
    ("core/models/build.py", "save_pretrained"): "inside durable.written_folder",
    ("core/models/build.py", "save_file"): "inside durable.written_folder",
    ("core/models/build.py", "write_text"): "inside durable.written_folder",
    ("core/training/checkpoint/state.py", "save_file"): "inside the durable.written_folder of a checkpoint",
    ("core/training/checkpoint/serialization.py", "save_file"): "inside the durable.written_folder of a checkpoint",
    ("core/training/checkpoint/serialization.py", "write_text"): "inside the durable.written_folder of a checkpoint",
    ("core/training/checkpoint/manager.py", "rmtree"): "what is hidden already",
    ("core/runs/directory/run_dir.py", "rmtree"): "a folder made a moment ago that nobody knows of",
    ("core/runs/directory/run_dir.py", "unlink"): "the reserve, which is there to be given up",
    ("core/workspace/backup.py", "mkdir"): "inside durable.written_folder",
    ("core/workspace/backup.py", "open"): "inside durable.written or written_folder",
    ("core/workspace/restore.py", "mkdir"): "inside durable.written_folder",
    ("core/workspace/restore.py", "open"): "inside durable.written_folder",
    ("core/workspace/restore.py", "copytree"): "inside durable.written_folder",
    ("core/workspace/restore.py", "rmdir"): "an empty folder; if it comes back, it is in nobody's way",
    ("core/workspace/restore.py", "rmtree"): "what was moved into place, or copied there",
    ("core/runs/worker/worker.py", "unlink"): "why an earlier attempt failed, which is said again if it comes back",
    ("core/runs/store/watched_file.py", "unlink"): "what SQLite kept beside a file that is gone",
    ("core/runs/process/other_trainers.py", "write_text"): "the name of a process, in /proc",
    ("core/datasets/readers/sandbox.py", "write_text"): "a temporary file for a reader, gone with its folder",
    ("core/datasets/readers/sandbox.py", "open"): "a temporary file for a reader, gone with its folder",
    ("core/datasets/readers/table_transfer.py", "write_text"): "a temporary file of a reader, gone with its folder",
    ("core/datasets/importing/prepare_sandboxed.py", "write_text"): "a temporary file of a reader, gone with its folder",
    ("core/datasets/importing/prepare_sandboxed.py", "mkdir"): "a temporary folder of a reader",
    ("core/files/work_folders.py", "rmtree"): "a folder of work on the way; what comes back is swept at the next start",
    ("core/datasets/importing/sandbox_main.py", "write_text"): "a temporary file of a reader, gone with its folder",
    ("core/runs/recovery/leftovers.py", "rmdir"): "an empty folder; if it comes back, it is swept again",
    ("core/datasets/importing/sandbox_main.py", "replace"): "a temporary file of a reader, gone with its folder",
}
"""Module and call -> why it need not go through ``core.files.durable``."""

WRITES = {
    "write_text", "write_bytes", "touch", "mkdir", "makedirs", "rmtree", "unlink", "rmdir", "copyfile", "copytree", "copy2",
    "to_parquet", "to_pickle", "save_file", "save_pretrained", "hardlink_to", "symlink_to",
}  # fmt: skip
OF_MODULES = {"os": {"replace", "rename", "renames", "remove", "mkdir", "makedirs", "open"}, "shutil": {"move", "copy"}}


def writes_in(source: str) -> Iterator[tuple[str, int]]:
    """Name and line of each call that writes, renames or deletes a file, but for those of our own room."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            if node.func.id in WRITES or (node.func.id == "open" and _is_to_write(node, 1)):
                yield node.func.id, node.lineno
            continue
        if not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        if owner in {"durable", "trash", "dataclasses"}:
            continue
        if owner in OF_MODULES:
            if (name in OF_MODULES[owner] or name in WRITES) and not (name == "open" and "devnull" in ast.unparse(node)):
                yield name, node.lineno
        elif (
            name in WRITES
            or (name == "open" and _is_to_write(node, 0))
            or (name in {"rename", "replace"} and len(node.args) == 1 and not node.keywords)
        ):
            yield name, node.lineno


def _is_to_write(call: ast.Call, place: int) -> bool:
    modes = [call.args[place]] if len(call.args) > place else [word.value for word in call.keywords if word.arg == "mode"]
    return any(isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+") for mode in modes)


@pytest.mark.parametrize("module", [source for source in SOURCES if not source.startswith(OWN_ROOM)])
def test_files_are_written_renamed_and_deleted_through_one_room(module: str) -> None:
    found = [(name, line) for name, line in writes_in((ROOT / module).read_text(encoding="utf-8"))]

    assert [f"{module}:{line} {name}" for name, line in found if (module, name) not in ALLOWED] == []


def test_what_is_allowed_is_still_done() -> None:
    done = {(module, name) for module in SOURCES for name, _ in writes_in((ROOT / module).read_text(encoding="utf-8"))}

    assert set(ALLOWED) - done == set()


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text('x')",
        "path.open('w')",
        "open(path, 'ab')",
        "open(path, mode='x')",
        "os.replace(a, b)",
        "part.rename(path)",
        "part.replace(path)",
        "shutil.rmtree(folder)",
        "folder.mkdir(parents=True)",
        "os.open(path, os.O_CREAT)",
    ],
)
def test_a_careless_line_is_found(line: str) -> None:
    assert list(writes_in(line))


@pytest.mark.parametrize(
    "line",
    ["text.replace('a', 'b')", "frame.rename(columns=names)", "path.open('rb')", "open(path)", "durable.write_text(path, 'x')"],
)
def test_a_harmless_line_is_not(line: str) -> None:
    assert not list(writes_in(line))
