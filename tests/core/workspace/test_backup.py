"""``backup`` and ``restore``: a workspace copied while it is in use, restored elsewhere, and what a hostile backup cannot do."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.errors import UserError
from core.files import durable
from core.runs.recovery.damaged_files import damage_of_dataset, damage_of_run
from core.runs.recovery.leftovers import Leftovers, count_leftovers
from core.runs.store.records import RunRecord, RunState, WorkerIdentity
from core.training.checkpoint.manager import Checkpoints
from core.workspace.backup import back_up
from core.workspace.backup_format import MANIFEST
from core.workspace.restore import restore
from core.workspace.workspace import Workspace
from tests.core.conftest import DATASET_ID
from tests.reaper import die_with_parent

KINDS = ["backup.zip", "backup"]
STEPS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "elsewhere" / "home")})


def succeeded(workspace: Workspace, config: RunConfig, name: str) -> RunRecord:
    run = workspace.launch(config, name=name)
    run_dir = workspace.run_dir(run.id)
    workspace.store.start_run(run.id, events_offset=0)
    seal(workspace, run)
    return workspace.store.end_run(run.id, RunState.SUCCEEDED, headline_name="macro F1", headline=0.5) if run_dir else run


def seal(workspace: Workspace, run: RunRecord) -> None:
    """What a worker leaves at its end."""
    run_dir = workspace.run_dir(run.id)
    with durable.written_folder(run_dir.model) as aside:
        (aside / "config.json").write_text("{}")
        (aside / "model.safetensors").write_bytes(os.urandom(5000))
    durable.write_bytes(run_dir.predictions_file, b"rows")
    run_dir.append_metrics({"step": 1, "train/loss": 0.5})
    scores = {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    split = {"num_examples": 4, "loss": 0.1, "accuracy": 0.75, "macro": scores, "micro": scores, "weighted": scores, "labels": []}
    run_dir.write_result({"task": "single_label", "splits": {"test": split, "validation": split}})
    Checkpoints(run_dir.checkpoints).remove_all()


def at_work(workspace: Workspace, config: RunConfig, name: str) -> RunRecord:
    """A run that this very process works on, with a checkpoint."""
    run = workspace.launch(config, name=name)
    worker = WorkerIdentity(pid=os.getpid(), started_at=1.0, boot_id="this one")
    workspace.store.start_run(run.id, events_offset=0, worker=worker)
    run_dir = workspace.run_dir(run.id)
    run_dir.append_metrics({"step": 1, "train/loss": 0.5})
    checkpoint(workspace, run, 1)
    return workspace.run(run.id)


def checkpoint(workspace: Workspace, run: RunRecord, step: int) -> None:
    def write(folder: Path) -> None:
        (folder / "weights").write_bytes(os.urandom(20_000))

    Checkpoints(workspace.run_dir(run.id).checkpoints).save(step, write, {"step": step})


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_restored_elsewhere_holds_everything(
    workspace: Workspace, run_config: RunConfig, tmp_path: Path, elsewhere: Settings, kind: str
) -> None:
    done = succeeded(workspace, run_config, "done")
    workspace.tag_run(done.id, ["good"])
    going = at_work(workspace, run_config, "going")
    waiting = workspace.launch(run_config, name="waiting")
    file = tmp_path / "safe" / kind
    file.parent.mkdir()

    back_up(workspace.settings, file)
    workspace.close()
    shutil.rmtree(workspace.settings.home)
    restore(elsewhere, file)

    moved = Workspace(elsewhere)
    assert [record.name for record in moved.dataset_records()] == ["tickets"]
    assert damage_of_dataset(moved.dataset(DATASET_ID).folder) == {}
    assert moved.run("done").tags == ("good",)
    assert moved.run("done").headline == 0.5
    assert damage_of_run(moved.run_dir(done.id)) == {}
    assert moved.run_dir(done.id).metrics() == [{"step": 1, "train/loss": 0.5}]
    assert moved.run("waiting").state is RunState.QUEUED
    assert moved.run_dir(waiting.id).config() == run_config
    restored = moved.run("going")
    assert (restored.state, restored.worker) == (RunState.INTERRUPTED, None)
    assert "Resume continues" in (restored.message or "")
    found = Checkpoints(moved.run_dir(going.id).checkpoints).latest()
    assert found is not None
    assert found[1] == {"step": 1}
    assert moved.resume(going.id).state is RunState.QUEUED
    assert not [path for path in elsewhere.home.iterdir() if path.name.endswith(".part") or path.name == ".restored"]
    moved.close()


def test_checkpoints_can_be_left_out(workspace: Workspace, run_config: RunConfig, tmp_path: Path, elsewhere: Settings) -> None:
    going = at_work(workspace, run_config, "going")

    manifest = back_up(workspace.settings, tmp_path / "b.zip", with_checkpoints=False)
    restore(elsewhere, tmp_path / "b.zip")

    assert not [name for name in manifest.files if "checkpoints" in name]
    moved = Workspace(elsewhere)
    assert moved.run("going").state is RunState.INTERRUPTED
    assert Checkpoints(moved.run_dir(going.id).checkpoints).latest() is None
    moved.close()


def test_a_run_that_grows_and_is_sealed_meanwhile_is_copied_as_it_was_at_one_moment(
    workspace: Workspace, run_config: RunConfig, tmp_path: Path, settings: Settings
) -> None:
    """Backups one after the other, while a run writes metrics and checkpoints and finishes."""
    run = at_work(workspace, run_config, "going")
    run_dir = workspace.run_dir(run.id)
    stop = threading.Event()
    written = 0

    def train() -> None:
        nonlocal written
        while not stop.is_set():
            written += 1
            run_dir.append_metrics({"step": written, "train/loss": 0.5})
            if written % 50 == 0:
                checkpoint(workspace, run, written)
        seal(workspace, run)

    worker = threading.Thread(target=train)
    worker.start()
    seen = set()
    for number in range(6):
        if number == 4:
            stop.set()
        file = tmp_path / f"{number}.zip"
        back_up(settings, file)
        home = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / str(number))})
        restore(home, file)
        moved = Workspace(home)
        state = moved.run(run.id).state
        seen.add(state)
        copied = moved.run_dir(run.id)
        if state is RunState.SUCCEEDED:
            assert damage_of_run(copied) == {}
        else:
            assert Checkpoints(copied.checkpoints).latest() is not None
            assert Checkpoints(copied.checkpoints).set_unreadable_aside() == {}
            assert copied.result() is None
        assert copied.damaged_lines() <= 1  # the last one, which was being written
        moved.close()
    worker.join(20)

    assert seen == {RunState.INTERRUPTED, RunState.SUCCEEDED}


def test_what_is_deleted_while_it_is_copied_is_not_in_the_backup(
    workspace: Workspace, run_config: RunConfig, tmp_path: Path, elsewhere: Settings
) -> None:
    done, gone = succeeded(workspace, run_config, "done"), succeeded(workspace, run_config, "gone")

    def delete(said: str) -> None:
        if said.startswith("data set 1"):
            workspace.delete_run(gone.id)

    back_up(workspace.settings, tmp_path / "b.zip", progress=delete)
    restore(elsewhere, tmp_path / "b.zip")

    moved = Workspace(elsewhere)
    assert [run.id for run in moved.runs()] == [done.id]
    moved.close()


def in_a_child(step: int, work: Callable[[], object]) -> bool:
    """Let another process do something and be killed at its step number ``step``; whether it got that far."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            die_with_parent()
            left = step

            def count(event: str, _: object) -> None:
                nonlocal left
                left -= event in STEPS
                if event in STEPS and left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            work()
            code = 0
        except BaseException:  # noqa: BLE001  (a child must never return into the tests)
            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_that_is_killed_at_any_step_is_whole_or_not_there(
    workspace: Workspace, run_config: RunConfig, tmp_path: Path, settings: Settings, kind: str
) -> None:
    succeeded(workspace, run_config, "done")
    at_work(workspace, run_config, "going")
    workspace.close()
    file = tmp_path / "safe" / kind
    file.parent.mkdir()
    step, was_killed = 0, True
    while was_killed:
        step += 4
        was_killed = in_a_child(step, lambda: back_up(settings, file))
        if file.exists():
            target = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / f"after-{step}")})
            restore(target, file)
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        left = Workspace(settings)
        assert count_leftovers(settings, left.store) == Leftovers(num_deleted=0, num_unfinished=0, num_unknown=0)
        left.close()
    back_up(settings, file)

    assert step > 20
    assert [path.name for path in file.parent.iterdir()] == [kind]


@pytest.mark.faults
@pytest.mark.parametrize("replaces", [False, True])
def test_a_restore_that_is_killed_at_any_step_has_not_begun_or_is_finished_by_the_next_start(
    workspace: Workspace, run_config: RunConfig, tmp_path: Path, settings: Settings, replaces: bool
) -> None:
    done = succeeded(workspace, run_config, "done")
    back_up(settings, tmp_path / "b.zip")
    workspace.rename_run(done.id, "as it was before")
    workspace.close()
    step, was_killed, seen = 0, True, set()
    while was_killed:
        step += 3
        home = tmp_path / f"home-{step}"
        target = Settings.from_environment({"TUNEBOARD_HOME": str(home)})
        if replaces:
            shutil.copytree(settings.home, home)

        was_killed = in_a_child(step, lambda target=target: restore(target, tmp_path / "b.zip", replace=True))

        moved = Workspace(target)
        names = [run.name for run in moved.runs()]
        seen.add(tuple(names))
        assert names in (["done"], ["as it was before"] if replaces else []), f"step {step}"
        assert len(moved.dataset_records()) == (1 if names else 0)
        if names:
            assert damage_of_run(moved.run_dir(done.id)) == {}
            assert damage_of_dataset(moved.dataset(DATASET_ID).folder) == {}
        assert count_leftovers(target, moved.store) == Leftovers(num_deleted=0, num_unfinished=0, num_unknown=0)
        moved.close()
        if replaces and names == ["done"]:
            (before,) = home.glob("before-restore-*")
            assert (before / "runs" / done.id / "result.json").is_file()
            assert (before / "tuneboard.db").is_file()
    assert len(seen) == 2
    assert names == ["done"]


@pytest.mark.usefixtures("workspace")
def test_a_workspace_that_holds_something_or_is_in_use_is_not_restored_into(
    settings: Settings, tmp_path: Path, elsewhere: Settings
) -> None:
    back_up(settings, tmp_path / "b.zip")

    with pytest.raises(UserError, match="already contains data sets or runs"):
        restore(settings, tmp_path / "b.zip")

    used = Workspace(elsewhere)
    scheduler = used.new_launcher()
    assert scheduler.own()
    with pytest.raises(UserError, match="is using this workspace"):
        restore(elsewhere, tmp_path / "b.zip")
    scheduler.disown()
    used.close()


HOSTILE = [
    "../outside", "/etc/outside", "datasets/../../outside", "datasets\\..\\outside", "C:/outside", "outside", "datasets/x",
    "runs/r/.hidden/f", "runs/r/../../../f", "models/m/f", "runs//f", "datasets/d/a\x00b", "tuneboard.db/x",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere_is_refused(workspace: Workspace, tmp_path: Path, elsewhere: Settings, name: str) -> None:
    back_up(workspace.settings, tmp_path / "b.zip")
    changed(tmp_path / "b.zip", lambda manifest: manifest["files"].update({name: {"sha256": "0" * 64, "size": 1}}))

    with pytest.raises(UserError, match="does not belong in a workspace"):
        restore(elsewhere, tmp_path / "b.zip")

    assert is_untouched(elsewhere)


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "a hash": lambda manifest: manifest["files"]["tuneboard.db"].update(sha256="0" * 64),
    "a size too small": lambda manifest: manifest["files"]["tuneboard.db"].update(size=10),
    "a size too large": lambda manifest: manifest["files"]["tuneboard.db"].update(size=10**6),
    "a bomb": lambda manifest: manifest["files"]["tuneboard.db"].update(size=10**15),
    "a file that is not there": lambda manifest: manifest["files"].update({"runs/r/f": {"sha256": "0" * 64, "size": 1}}),
    "no database": lambda manifest: manifest["files"].pop("tuneboard.db"),
    "a list": lambda manifest: manifest.update(files=[]),
    "a negative size": lambda manifest: manifest["files"]["tuneboard.db"].update(size=-1),
    "a later layout": lambda manifest: manifest.update(layout=99),
    "an endless size": lambda manifest: manifest["files"]["tuneboard.db"].update(size=float("inf")),
    "an endless layout": lambda manifest: manifest.update(layout=float("inf")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_refused_and_nothing_restored(
    workspace: Workspace, tmp_path: Path, elsewhere: Settings, damage: str
) -> None:
    back_up(workspace.settings, tmp_path / "b.zip")
    changed(tmp_path / "b.zip", DAMAGE[damage])

    with pytest.raises(UserError, match=r"damaged|newer Tuneboard|not plausible for its size"):
        restore(elsewhere, tmp_path / "b.zip")

    assert is_untouched(elsewhere)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, elsewhere: Settings, content: bytes) -> None:
    (tmp_path / "b.zip").write_bytes(content)

    with pytest.raises(UserError, match="could not be read"):
        restore(elsewhere, tmp_path / "b.zip")


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo])
def test_a_link_or_a_pipe_in_a_backup_that_is_a_folder_is_not_followed(
    workspace: Workspace, tmp_path: Path, elsewhere: Settings, make: Callable[[Path], object]
) -> None:
    back_up(workspace.settings, tmp_path / "b")
    file = next((tmp_path / "b" / "datasets").rglob("examples.parquet"))
    file.unlink()
    make(file)

    with pytest.raises(UserError, match="is missing"):
        restore(elsewhere, tmp_path / "b")


def test_a_backup_is_not_written_over_something_or_into_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")

    with pytest.raises(UserError, match="already exists"):
        back_up(workspace.settings, tmp_path / "b.zip")
    with pytest.raises(UserError, match="inside the workspace"):
        back_up(workspace.settings, workspace.settings.home / "b.zip")
    back_up(workspace.settings, tmp_path / "b.zip", replace=True)

    assert zipfile.is_zipfile(tmp_path / "b.zip")


@pytest.mark.usefixtures("workspace")
def test_the_commands_say_what_they_did(
    command: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path, elsewhere: Settings, capsys
) -> None:
    code, value = command("backup", str(tmp_path / "b.zip"), "--without-checkpoints")
    assert (code, value["num_datasets"], value["num_runs"], value["with_checkpoints"]) == (0, 1, 0, False)

    assert main(["restore", str(tmp_path / "b.zip"), "--json"], settings=elsewhere) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["num_datasets"], said["home"], said["kept"]) == (1, str(elsewhere.home), None)
    assert main(["restore", str(tmp_path / "b.zip"), "--json"], settings=elsewhere) == 2


@pytest.mark.parametrize("database", ["no database", "a later one", "ids that lead out"])
def test_a_database_that_would_not_open_or_leads_out_is_refused(
    workspace: Workspace, tmp_path: Path, elsewhere: Settings, database: str
) -> None:
    """The manifest is correct about it, as an attacker's would be."""
    back_up(workspace.settings, tmp_path / "b.zip")
    content = b"no database"
    if database != "no database":
        file = tmp_path / "its.db"
        file.write_bytes(zipfile.ZipFile(tmp_path / "b.zip").read("tuneboard.db"))
        statement = "datasets SET id = '../../etc'" if "ids" in database else "alembic_version SET version_num = '9999'"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute(f"UPDATE {statement}")
            connection.commit()
        content = file.read_bytes()
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    changed(tmp_path / "b.zip", lambda manifest: manifest["files"].update({"tuneboard.db": entry}), {"tuneboard.db": content})

    with pytest.raises(UserError, match=r"othing was restored"):
        restore(elsewhere, tmp_path / "b.zip")

    assert is_untouched(elsewhere)


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_file_packed_in_a_way_of_others_is_not_unpacked(
    workspace: Workspace, tmp_path: Path, elsewhere: Settings, packing: int
) -> None:
    back_up(workspace.settings, tmp_path / "b.zip")
    changed(tmp_path / "b.zip", lambda _: None, packing=packing)

    with pytest.raises(UserError, match=r"manifest\.json"):
        restore(elsewhere, tmp_path / "b.zip")

    assert is_untouched(elsewhere)


def test_names_of_an_archive_that_are_no_text_are_refused(workspace: Workspace, tmp_path: Path, elsewhere: Settings) -> None:
    back_up(workspace.settings, tmp_path / "b.zip")
    changed(tmp_path / "b.zip", lambda _: None, {"\u00e9": b"x"})
    (tmp_path / "b.zip").write_bytes((tmp_path / "b.zip").read_bytes().replace("\u00e9".encode(), b"\xff\xfe"))

    with pytest.raises(UserError, match="could not be read"):
        restore(elsewhere, tmp_path / "b.zip")


def test_a_manifest_that_unpacks_to_far_more_than_its_backup_is_refused_before_it_is_read(
    tmp_path: Path, elsewhere: Settings
) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, b'{"files": {' + b'"a": {}, ' * 10**6)

    with pytest.raises(UserError, match="too large"):
        restore(elsewhere, tmp_path / "b.zip")


def test_a_backup_holds_nothing_from_outside_of_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    """A database that names such a folder may come from an attacker."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "letter").write_text("mine")
    with contextlib.closing(sqlite3.connect(workspace.settings.database_file)) as connection:
        connection.execute("UPDATE datasets SET id = ?", (str(tmp_path / "private"),))
        connection.commit()

    manifest = back_up(workspace.settings, tmp_path / "b.zip")

    assert set(manifest.files) == {"tuneboard.db"}


def test_what_is_no_backup_is_never_replaced_by_one(workspace: Workspace, tmp_path: Path) -> None:
    home = workspace.settings.home
    documents, letter = tmp_path / "documents", tmp_path / "documents" / "letter"
    documents.mkdir()
    letter.write_text("mine")

    with pytest.raises(UserError, match="not a backup"):
        back_up(workspace.settings, documents, replace=True)
    with pytest.raises(UserError, match="not a backup"):
        back_up(workspace.settings, letter, replace=True)
    with pytest.raises(UserError, match="contains the workspace"):
        back_up(workspace.settings, home.parent, replace=True)
    assert letter.read_text() == "mine"
    assert workspace.dataset_records()

    back_up(workspace.settings, tmp_path / "b")
    back_up(workspace.settings, tmp_path / "b", replace=True)
    (tmp_path / "b" / "letter").write_text("mine")
    with pytest.raises(UserError, match="not a backup"):
        back_up(workspace.settings, tmp_path / "b", replace=True)


def is_untouched(settings: Settings) -> bool:
    """Whether a workspace is empty, hidden files included."""
    return {path.name for path in settings.home.iterdir()} <= {"queue.lock"}


def changed(
    file: Path,
    change: Callable[[dict[str, Any]], object],
    others: dict[str, bytes] | None = None,
    packing: int = zipfile.ZIP_STORED,
) -> None:
    """Change the manifest of a zip, other files of it, and how they are packed."""
    with zipfile.ZipFile(file) as old:
        content = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(content[MANIFEST])
    change(manifest)
    content[MANIFEST] = json.dumps(manifest).encode()
    content.update(others or {})
    with zipfile.ZipFile(file, "w", packing) as new:
        for name, data in content.items():
            new.writestr(name, data)
