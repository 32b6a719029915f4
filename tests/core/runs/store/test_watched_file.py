"""A database whose file is deleted or replaced while it is in use: it is detected at the next use, and nothing is lost."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.config.run_config import RunConfig
from core.config.settings import PROJECT_ROOT, Settings
from core.errors import UserError
from core.runs.recovery.rebuild import rebuild
from core.runs.store.records import RunRecord, RunState
from core.workspace.workspace import Workspace

FILES = ("tuneboard.db", "tuneboard.db-wal", "tuneboard.db-shm")


def remove(settings: Settings, *names: str) -> None:
    for name in names:
        (settings.home / name).unlink()


def backup(settings: Settings, name: str = "backup.db") -> Path:
    """A complete copy of the database as it is now, as a backup program makes it."""
    copy = settings.home / name
    with (
        contextlib.closing(sqlite3.connect(settings.home / "tuneboard.db")) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def everything(workspace: Workspace) -> tuple[object, ...]:
    return workspace.dataset_records(), workspace.runs(), workspace.queue(), workspace.desk.switches()


@pytest.fixture
def used(workspace: Workspace, run_config: RunConfig) -> Workspace:
    """A workspace in which people have named, tagged, ordered, stopped and paused, and in which a run is running."""
    workspace.rename_dataset(run_config.data.dataset, "Letters of 1912")
    for name in ("working", "waiting", "later", "stopped"):
        workspace.launch(run_config, name=name)
    workspace.store.start_run(workspace.run("working").id, events_offset=3)
    workspace.tag_run(workspace.run("waiting").id, ["keep"])
    workspace.stop(workspace.run("stopped").id)
    workspace.desk.move(workspace.run("later").id, "first")
    workspace.desk.pause(True)
    workspace.store.for_user("ada", sees_all=True).add_run(replace(a_run(run_config), id="hers", name="hers"))
    return workspace


def a_run(run_config: RunConfig) -> RunRecord:
    return RunRecord(
        id="made up",
        name="made up",
        dataset_id=run_config.data.dataset,
        task="single_label",
        model="bundled",
        recipe="automatic",
        state=RunState.QUEUED,
        created_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("names", [FILES[:1], FILES], ids=["the file alone", "with what lies beside it"])
def test_after_the_file_was_deleted_everything_is_as_it_was(
    used: Workspace, settings: Settings, open_workspace, names: tuple[str, ...]
) -> None:
    before = everything(used)

    remove(settings, *names)

    assert everything(used) == before
    assert everything(open_workspace()) == before  # as another process finds it in the file
    account = used.database.last_rebuild()
    assert account is not None
    assert account.num_carried == 6


def test_what_is_changed_right_after_is_in_the_new_file(used: Workspace, settings: Settings, open_workspace) -> None:
    remove(settings, *FILES)

    used.rename_run(used.run("waiting").id, "renamed")

    assert open_workspace().run("renamed").tags == ("keep",)


def test_a_file_that_is_never_touched_is_never_made_anew(used: Workspace) -> None:
    everything(used)

    assert used.database.last_rebuild() is None


def test_a_backup_put_in_its_place_brings_back_what_was_deleted_and_takes_nothing(
    used: Workspace, settings: Settings, run_config: RunConfig, open_workspace
) -> None:
    copy = backup(settings)
    used.rename_run(used.run("waiting").id, "renamed")
    used.store.end_run(used.run("working").id, RunState.SUCCEEDED, headline=0.5, headline_name="Macro F1")
    used.tag_run(used.launch(run_config, name="new").id, ["new"])
    used.store.delete_run("hers")
    before = used.runs()

    copy.replace(settings.home / "tuneboard.db")  # while what SQLite keeps beside the old one is still there

    assert [run for run in used.runs() if run.name != "hers"] == before
    assert used.run("hers").state is RunState.QUEUED
    assert [run.name for run in used.queue()] == ["later", "renamed", "hers", "new"]
    assert everything(open_workspace()) == everything(used)
    with contextlib.closing(sqlite3.connect(settings.home / "tuneboard.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_something_else_put_in_its_place_is_set_aside(used: Workspace, settings: Settings) -> None:
    before = everything(used)
    notes = settings.home / "notes.txt"
    notes.write_text("somebody's notes, and no catalogue " * 100)

    notes.replace(settings.home / "tuneboard.db")

    assert everything(used) == before
    account = used.database.last_rebuild()
    assert account is not None
    assert account.set_aside is not None
    assert account.set_aside.read_text().startswith("somebody's notes")


def test_what_the_lost_file_cannot_tell_any_more_comes_from_the_folders(
    workspace: Workspace, settings: Settings, run_config: RunConfig
) -> None:
    run = workspace.launch(run_config, name="kept in its folder")
    assert workspace.store._file is not None
    opened = workspace.store._file.opened
    assert opened is not None
    opened.connection.close()  # as if nothing could be read from it

    remove(settings, *FILES)

    found = workspace.run(run.id)
    assert (found.name, found.state) == ("kept in its folder", RunState.INTERRUPTED)
    account = workspace.database.last_rebuild()
    assert account is not None
    assert (account.num_carried, account.num_datasets, account.num_runs) == (0, 1, 1)


def test_a_process_that_notices_later_undoes_nothing_that_was_done_meanwhile(
    used: Workspace, settings: Settings, open_workspace
) -> None:
    slow = open_workspace()
    slow.runs()
    for name in ("stopped", "later"):
        remove(settings, *FILES)
        used.delete_run(used.run(name).id)
    used.rename_run(used.run("waiting").id, "renamed")
    used.stop("hers")
    used.store.requeue("hers", finish_early=False)
    expected = everything(used)

    assert everything(slow) == expected
    assert everything(used) == expected


def test_a_folder_that_is_gone_is_said_and_all_goes_on_when_it_is_back(
    used: Workspace, settings: Settings, tmp_path: Path
) -> None:
    before = everything(used)
    away = settings.home.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="The folder of the database is missing"):
        used.runs()
    assert not settings.home.exists()  # nothing was made in its place

    away.rename(settings.home)

    assert everything(used) == before
    assert used.database.last_rebuild() is None


def test_a_file_that_was_missing_at_the_start_is_made_from_the_folders(
    used: Workspace, settings: Settings, open_workspace
) -> None:
    used.close()
    (settings.home / "tuneboard.db").unlink()

    again = open_workspace()

    assert {run.name for run in again.runs()} == {"working", "waiting", "later", "stopped"}
    assert again.database.last_rebuild() is not None
    assert again.database.num_lost_folders() == 0


def test_what_a_process_that_knew_only_the_folders_has_entered_gives_way(
    used: Workspace, settings: Settings, open_workspace
) -> None:
    before = everything(used)
    remove(settings, *FILES)

    started = open_workspace()

    assert started.run("waiting").state is RunState.INTERRUPTED
    assert everything(used) == before
    assert everything(started) == before


def test_a_damaged_catalogue_in_use_is_said_with_what_to_do_and_that_helps(used: Workspace, settings: Settings) -> None:
    file = settings.home / "tuneboard.db"
    used.store._engine.dispose()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as bytes_of_it:  # written over in place, as a copying program does
        bytes_of_it.seek(4096)
        bytes_of_it.write(b"\xff" * (file.stat().st_size - 4096))
    with pytest.raises(UserError, match=r"database is damaged.*doctor --repair"):
        used.runs()

    account = rebuild(settings)  # what the command does, while this process runs

    assert account.set_aside is not None
    assert {run.name for run in used.runs()} >= {"working", "waiting", "later", "stopped"}


def test_a_run_whose_folder_a_rebuilding_has_met_first_is_entered_as_it_is(
    workspace: Workspace, settings: Settings, run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = workspace.store.add_run

    def lost_in_between(record: RunRecord) -> RunRecord:
        remove(settings, *FILES)
        return add(record)

    monkeypatch.setattr(workspace.store, "add_run", lost_in_between)
    run = workspace.launch(run_config, name="new")

    assert [(one.id, one.name, one.state) for one in workspace.runs()] == [(run.id, "new", RunState.QUEUED)]


def test_threads_that_look_at_once_make_it_anew_once(used: Workspace, settings: Settings, caplog) -> None:
    before = everything(used)
    remove(settings, *FILES)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(everything(used))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [before] * 8
    assert caplog.text.count("deleted or replaced") == 1


WRITER = """
import sys
from core.config.settings import Settings
from core.workspace.workspace import Workspace
workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": sys.argv[1]}))
print("up", flush=True)
for line in sys.stdin:
    run = workspace.run(sys.argv[2])
    workspace.tag_run(run.id, [*run.tags, line.strip()])
    print("done", flush=True)
workspace.close()
"""


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_several_processes_lose_nothing_however_often_the_file_is_deleted(
    workspace: Workspace, settings: Settings, run_config: RunConfig
) -> None:
    for name in ("ada", "ben"):
        workspace.launch(run_config, name=name)
    words = [sys.executable, "-c", WRITER, str(settings.home)]
    with contextlib.ExitStack() as ended:
        writers = {
            name: ended.enter_context(
                subprocess.Popen([*words, name], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for name in ("ada", "ben")
        }
        for writer in writers.values():
            assert said(writer) == "up\n"
        for number in range(5):
            remove(settings, *FILES)
            for writer in writers.values():  # both notice at the same time
                assert writer.stdin is not None
                writer.stdin.write(f"{number}\n")
                writer.stdin.flush()
            for writer in writers.values():
                assert said(writer) == "done\n"

    assert {run.name: run.tags for run in workspace.runs()} == dict.fromkeys(("ada", "ben"), ("0", "1", "2", "3", "4"))
