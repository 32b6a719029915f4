"""A kill at any step of deleting and importing: nothing stays half-deleted, nothing comes back, and the next start cleans up."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config.settings import Settings
from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.readers.read_table import read_table
from core.errors import NotFoundError, UserError
from core.files.trash import hide
from core.runs.recovery.damaged_files import damage_of_dataset
from core.runs.recovery.leftovers import Leftovers, count_leftovers
from core.runs.recovery.rebuild import rebuild
from core.workspace.workspace import Workspace
from tests.core.conftest import DATASET_ID
from tests.reaper import die_with_parent
from tests.tiny import tiny_dataset

STEPS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod")
NOTHING_LEFT = Leftovers(num_deleted=0, num_unfinished=0, num_unknown=0)


def killed_at(step: int, settings: Settings, work: Callable[[Workspace], object]) -> bool:
    """Let another process work on a workspace and be killed at its step number ``step``; whether it got that far."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            die_with_parent()
            workspace, left = Workspace(settings), step

            def count(event: str, _: object) -> None:
                nonlocal left
                left -= event in STEPS
                if event in STEPS and left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            work(workspace)
            code = 0
        except BaseException:  # noqa: BLE001  (a child must never return into the tests)
            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_a_data_set_whose_deletion_is_killed_at_any_step_is_there_as_a_whole_or_gone(tmp_path: Path, run_config) -> None:
    seen = set()
    for step in range(1, 200):
        settings = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / str(step))})
        workspace = Workspace(settings)
        _add(workspace, settings)
        run_id = workspace.launch(run_config).id
        workspace.close()

        was_killed = killed_at(step, settings, lambda one: one.delete_dataset(DATASET_ID, with_runs=True))

        workspace = Workspace(settings)
        is_there = bool(workspace.dataset_records())
        seen.add(is_there)
        assert bool(workspace.runs()) == is_there
        if is_there:
            assert damage_of_dataset(workspace.dataset(DATASET_ID).folder) == {}
            assert workspace.run_dir(run_id).config() == run_config
        assert _names(settings.datasets_folder) == ([DATASET_ID] if is_there else []), f"step {step}"
        assert _names(settings.runs_folder) == ([run_id] if is_there else []), f"step {step}"
        assert count_leftovers(settings, workspace.store) == NOTHING_LEFT
        account = rebuild(settings)
        assert (account.num_datasets, account.num_runs, account.left_out) == (0, 0, {})
        workspace.close()
        if not was_killed:
            break
    assert step > 15
    assert seen == {True, False}
    assert not is_there


def test_an_import_that_is_killed_at_any_step_leaves_a_whole_data_set_or_none(tmp_path: Path) -> None:
    file = tmp_path / "colours.csv"
    tiny_dataset().drop(columns=["id", "record"]).to_csv(file, index=False)
    table = read_table(file)
    prepared = prepare({"main": table}, guess_plan(table))
    unknown = 0
    for step in range(1, 200):
        settings = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / str(step))})
        Workspace(settings).close()

        was_killed = killed_at(step, settings, lambda one: one.save_dataset(prepared, "colours"))

        for folder in settings.datasets_folder.iterdir():  # an empty one may belong to an import that has just begun
            os.utime(folder, (0, 0))
        workspace = Workspace(settings)
        known = {record.id for record in workspace.dataset_records()}
        left = count_leftovers(settings, workspace.store)
        assert (left.num_deleted, left.num_unfinished) == (0, 0), f"step {step}"
        names = _names(settings.datasets_folder)
        assert left.num_unknown == len(set(names) - known)
        for name in names:
            assert damage_of_dataset(settings.datasets_folder / name) == {}, f"step {step}"
        unknown += left.num_unknown
        assert rebuild(settings).num_datasets == left.num_unknown
        assert count_leftovers(settings, workspace.store) == NOTHING_LEFT
        workspace.close()
        if not was_killed:
            break
    assert known
    assert step > 15
    assert unknown, "no kill fell between the folder and its line in the database"


def test_what_an_earlier_tuneboard_left_half_deleted_is_not_entered_again(workspace: Workspace, settings: Settings) -> None:
    folder = workspace.dataset(DATASET_ID).folder
    workspace.store.delete_dataset(DATASET_ID)
    (folder / "examples.parquet").write_bytes(b"")

    account = rebuild(settings)

    assert account.num_datasets == 0
    assert account.left_out == {DATASET_ID: "it is damaged: examples.parquet is empty"}


def test_a_deletion_that_is_refused_leaves_everything_where_it_was(workspace: Workspace, run_config) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)

    for refused in (lambda: workspace.delete_run(run.id), lambda: workspace.delete_dataset(DATASET_ID, with_runs=True)):
        with pytest.raises(UserError, match=r"is running"):
            refused()

    assert workspace.run_dir(run.id).config_file.is_file()
    assert damage_of_dataset(workspace.dataset(DATASET_ID).folder) == {}


def test_a_start_beside_a_deletion_under_way_does_not_disturb_it(
    workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that starts while folders are hidden and their rows still exist waits for the commit."""
    import threading

    started = threading.Thread(target=lambda: Workspace(settings).close())

    def hide_and_let_another_start(folder: Path) -> Path | None:
        hidden = hide(folder)
        started.start()
        started.join(0.3)  # it waits for this change, which continues meanwhile
        assert started.is_alive()
        return hidden

    monkeypatch.setattr("core.files.trash.hide", hide_and_let_another_start)
    workspace.delete_dataset(DATASET_ID)
    started.join(20)

    assert _names(settings.datasets_folder) == []
    with pytest.raises(NotFoundError):
        workspace.dataset(DATASET_ID)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _add(workspace: Workspace, settings: Settings) -> None:
    """A data set such as ``add_dataset`` makes, in a workspace of its own."""
    import pandas as pd

    from core.datasets.dataset import write_dataset
    from core.runs.store.records import DatasetRecord

    rows = {"id": range(4), "split": ["train", "train", "validation", "test"], "record": range(1, 5), "text": list("abcd")}
    description = {
        "id": DATASET_ID,
        "task": "single_label",
        "labels": ["x", "y"],
        "num_examples": {"train": 2, "validation": 1, "test": 1},
        "label_counts": {},
        "content_hash": "c" * 64,
        "test_hash": "t" * 64,
        "splitting": {},
        "source": {},
    }
    folder = settings.datasets_folder / DATASET_ID
    write_dataset(folder, pd.DataFrame({**rows, "label": ["x", "y", "x", "y"]}), description)
    created_at = pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()
    line = {"id": DATASET_ID, "name": "tickets", "task": "single_label", "num_examples": 4, "num_labels": 2}
    workspace.store.add_dataset(DatasetRecord(**line, content_hash="c" * 64, created_at=created_at))
