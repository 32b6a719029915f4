"""The workspace: what a person can do with data sets and runs, and what is refused with a reason."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.readers.read_table import read_table
from core.errors import ConfigError, DatasetError, NotFoundError, RunError, UserError
from core.runs.directory import ids
from core.runs.directory.ids import new_id
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace


def leave_checkpoint(workspace: Workspace, run_id: str) -> None:
    (workspace.run_dir(run_id).checkpoints / "step-3").mkdir(parents=True)


# --- data sets -------------------------------------------------------------------------------------------------------------


def test_a_saved_data_set_is_found_by_id_and_by_name(workspace, tmp_path: Path) -> None:
    file = tmp_path / "colours.csv"
    file.write_text("text,label\n" + "".join(f"text {number},{'red' if number % 2 else 'blue'}\n" for number in range(40)))
    table = read_table(file)

    record = workspace.save_dataset(prepare({"main": table}, guess_plan(table)), "  Colours \n of  things ")

    assert record.name == "Colours of things"
    assert workspace.dataset("Colours of things").id == workspace.dataset(record.id).id == record.id
    assert (record.num_examples, record.num_labels, record.task) == (40, 2, "single_label")


def test_data_sets_are_listed_newest_first(workspace, add_dataset) -> None:
    add_dataset(workspace, "20260102-000000-bbbbb", "second")

    assert [record.name for record in workspace.dataset_records()] == ["second", "tickets"]


@pytest.mark.parametrize("name", ["", " \n\t ", "x" * 121])
def test_an_impossible_name_is_refused(workspace, name: str) -> None:
    record = workspace.dataset_record("tickets")

    with pytest.raises(DatasetError, match="name"):
        workspace.rename_dataset(record.id, name)

    assert workspace.dataset_record(record.id).name == "tickets"


def test_a_deleted_data_set_leaves_nothing_behind(workspace) -> None:
    dataset = workspace.dataset("tickets")

    workspace.delete_dataset(dataset.id)

    assert list(workspace.settings.datasets_folder.iterdir()) == []
    with pytest.raises(NotFoundError):
        workspace.dataset(dataset.id)


def test_a_data_set_with_runs_is_deleted_only_together_with_them(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)

    with pytest.raises(DatasetError, match="1 run uses"):
        workspace.delete_dataset(run.dataset_id)
    assert workspace.dataset(run.dataset_id).folder.is_dir()

    workspace.delete_dataset(run.dataset_id, with_runs=True)
    assert workspace.runs() == []
    assert not workspace.run_dir(run.id).folder.exists()


def test_a_data_set_whose_folder_is_gone_says_so(workspace) -> None:
    folder = workspace.dataset("tickets").folder
    folder.rename(folder.with_name("elsewhere"))

    with pytest.raises(NotFoundError, match="does not exist in this workspace or is damaged"):
        workspace.dataset("tickets")


# --- runs ------------------------------------------------------------------------------------------------------------------


def test_a_launched_run_waits_with_its_config_in_its_folder(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config, name="mine")

    assert (run.name, run.state) == ("mine", RunState.QUEUED)
    assert workspace.run("mine") == run
    assert workspace.run_dir(run.id).config() == run_config
    assert workspace.queue() == workspace.runs() == workspace.runs_of_dataset(run.dataset_id) == [run]


def test_runs_without_a_name_are_called_after_their_data_set(workspace, run_config: RunConfig) -> None:
    assert [workspace.launch(run_config).name for _ in range(2)] == ["tickets 1", "tickets 2"]


@pytest.mark.parametrize(("field", "value"), [("dataset_hash", "d" * 64), ("task", "multi_label")])
def test_a_config_made_for_other_rows_is_refused(workspace, run_config: RunConfig, field: str, value: str) -> None:
    with pytest.raises(ConfigError, match=field):
        workspace.launch(replace(run_config, data=replace(run_config.data, **{field: value})))

    assert workspace.runs() == []
    assert list(workspace.settings.runs_folder.iterdir()) == []


def test_a_config_for_an_unknown_data_set_is_refused(workspace, run_config: RunConfig) -> None:
    with pytest.raises(NotFoundError, match="no data set"):
        workspace.launch(replace(run_config, data=replace(run_config.data, dataset="gone")))


def test_a_cancelled_run_can_be_resumed(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.stop(run.id)

    assert workspace.resume(run.id).state is RunState.QUEUED


def test_a_run_that_waits_cannot_be_resumed(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)

    with pytest.raises(RunError, match="already queued"):
        workspace.resume(run.id)


def test_finishing_needs_a_checkpoint(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.stop(run.id)

    with pytest.raises(RunError, match="before its first checkpoint"):
        workspace.finish(run.id)

    leave_checkpoint(workspace, run.id)
    assert workspace.finish(run.id).finish_early
    workspace.stop(run.id)
    assert not workspace.resume(run.id).finish_early


def test_a_succeeded_run_has_nothing_to_resume(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)
    workspace.store.end_run(run.id, RunState.SUCCEEDED)

    with pytest.raises(RunError, match="has succeeded"):
        workspace.resume(run.id)


def test_tags_are_kept_once_each_in_the_order_given(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)

    assert workspace.tag_run(run.id, ["b", " a ", "b", ""]).tags == ("b", "a")


def test_a_deleted_run_leaves_nothing_behind(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)

    workspace.delete_run(run.id)

    assert workspace.runs() == []
    assert list(workspace.settings.runs_folder.iterdir()) == []


def test_a_run_at_work_is_not_deleted(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)

    with pytest.raises(RunError, match="Stop it first"):
        workspace.delete_run(run.id)

    assert workspace.run_dir(run.id).folder.is_dir()


def test_the_launcher_of_a_workspace_takes_up_a_launched_run(workspace, run_config: RunConfig, wait_until) -> None:
    assert workspace.start_launcher() is workspace.start_launcher()

    run = workspace.launch(run_config)

    wait_until(lambda: workspace.run(run.id).state is RunState.SUCCEEDED)


def test_settling_brings_in_an_end_that_nobody_saw(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)

    workspace.settle()

    assert workspace.run(run.id).state.is_final


def test_settling_starts_nothing(workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)

    workspace.settle()

    assert workspace.run(run.id).state is RunState.QUEUED


# --- the workspace itself --------------------------------------------------------------------------------------------------


def test_a_workspace_is_the_same_when_it_is_opened_again(workspace, run_config: RunConfig, open_workspace) -> None:
    run = workspace.launch(run_config)
    workspace.close()

    again = open_workspace()

    assert again.run(run.id) == run
    assert again.dataset("tickets").labels == ("x", "y")


def test_a_workspace_moved_to_another_folder_works_there(workspace, run_config: RunConfig, tmp_path: Path) -> None:
    run = workspace.launch(run_config)
    workspace.close()
    workspace.settings.home.rename(tmp_path / "moved")

    moved = Workspace.open(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "moved")}))

    assert moved.run(run.id) == run
    assert moved.run_dir(run.id).config() == run_config
    assert moved.dataset("tickets").folder.is_relative_to(tmp_path / "moved")
    moved.close()


def test_a_place_that_cannot_be_written_to_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UserError, match="is not writable"):
        Workspace.open(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "file" / "home")}))


def test_ids_are_safe_as_names_of_folders_and_sort_by_time() -> None:
    first = new_id()

    assert first == os.path.basename(first) == first.lower()  # noqa: PTH119 (pathlib would normalise what is tested)
    assert len({new_id() for _ in range(100)}) == 100
    assert first[:15] <= new_id()[:15]


def test_two_that_draw_the_same_id_at_once_get_different_folders(
    workspace: Workspace, run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["20260101-000000-aaaaa", "20260101-000000-bbbbb", "20260101-000000-bbbbb", "20260101-000000-ccccc"])
    monkeypatch.setattr(ids, "new_id", lambda: next(drawn))
    (workspace.settings.runs_folder / "20260101-000000-aaaaa").mkdir()  # another process has just made it

    first, second = workspace.launch(run_config), workspace.launch(run_config)

    assert [run.id for run in (first, second)] == ["20260101-000000-bbbbb", "20260101-000000-ccccc"]
    assert not list((workspace.settings.runs_folder / "20260101-000000-aaaaa").iterdir())
    assert workspace.run_dir(first.id).config() == run_config


def test_two_that_draw_the_same_id_at_once_never_write_into_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, found = threading.Barrier(8), []
    drawn = iter([f"20260101-000000-{letter}" for letter in "abcdefgh" for _ in range(8)])
    monkeypatch.setattr(ids, "new_id", lambda: next(drawn))

    def make() -> None:
        start.wait()
        found.append(ids.new_folder(tmp_path / "datasets"))

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    assert len(set(found)) == 8
    assert all(folder.is_dir() for folder in found)


def test_a_run_that_cannot_be_called_so_leaves_no_folder(workspace: Workspace, run_config: RunConfig) -> None:
    with pytest.raises(RunError, match="at most"):
        workspace.launch(run_config, name="n" * 500)

    assert not list(workspace.settings.runs_folder.iterdir())
