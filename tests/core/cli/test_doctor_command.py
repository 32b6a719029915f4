"""``python -m core doctor``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.files import durable
from core.runs.store.records import RunRecord, RunState
from core.workspace.workspace import Workspace

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.mark.usefixtures("workspace")
def test_doctor_reports_on_machine_and_workspace(command: Command) -> None:
    code, value = command("doctor")

    assert (code, value["problems"]) == (0, [])
    assert value["versions"]["torch"]
    assert value["model"]["hash_agrees"]
    assert value["workspace"]["num_datasets"] == 1
    assert value["workspace"]["disk_free_mib"] > 0


def test_doctor_finds_fault_with_a_workspace_that_cannot_be_used(command: Command, settings: Settings) -> None:
    settings.home.write_text("in the way")

    code, value = command("doctor")

    assert (code, value["ok"]) == (1, False)
    assert "is not writable" in value["problems"][0]


@pytest.mark.usefixtures("workspace")
def test_doctor_says_when_the_workspace_is_open_to_others_and_closes_it_when_told_to(
    command: Command, settings: Settings
) -> None:
    settings.home.chmod(0o755)

    code, value = command("doctor")
    assert (code, value["workspace"]["open_to_others"]) == (1, 1)
    assert "Other accounts of this machine, or a group, can read parts of the workspace" in value["problems"][0]
    assert settings.home.stat().st_mode & 0o777 == 0o755

    code, value = command("doctor", "--repair")
    assert (code, value["problems"], value["repaired"]["num_closed"]) == (0, [], 1)
    assert settings.home.stat().st_mode & 0o777 == 0o700


DAMAGES = {"gone": lambda path: path.unlink(), "empty": lambda path: path.write_bytes(b""), "changed": lambda path: flip(path)}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
def test_doctor_finds_files_of_a_data_set_that_are_not_what_was_written(
    command: Command, workspace: Workspace, damage: str
) -> None:
    (dataset,) = workspace.dataset_records()
    DAMAGES[damage](workspace.dataset(dataset.id).folder / "examples.parquet")

    code, value = command("doctor")

    assert (code, value["workspace"]["damaged"]) == (1, {dataset.id: {"examples.parquet": damage}})
    assert f"Data set 'tickets' ({dataset.id}) is damaged: examples.parquet is {damage}." in value["problems"][0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_doctor_finds_files_of_a_run_that_are_not_what_was_written(
    command: Command, workspace: Workspace, run_config: RunConfig, damage: str
) -> None:
    run = ended_run(workspace, run_config)
    run_dir = workspace.run_dir(run.id)
    durable.make_folder(run_dir.model)
    for file in ("config.json", "model.safetensors"):
        (run_dir.model / file).write_text("content")
    run_dir.predictions_file.write_text("rows")
    run_dir.write_result({"task": "single_label"})
    assert command("doctor")[0] == 0

    DAMAGES[damage](run_dir.model / "config.json")

    code, value = command("doctor")
    assert (code, value["workspace"]["damaged"]) == (1, {run.id: {"model/config.json": damage}})


def test_doctor_finds_what_a_power_cut_left_empty_in_a_run_of_an_earlier_version(
    command: Command, workspace: Workspace, run_config: RunConfig
) -> None:
    run = ended_run(workspace, run_config)
    run_dir = workspace.run_dir(run.id)
    durable.make_folder(run_dir.model)
    (run_dir.model / "config.json").touch()
    (run_dir.model / "model.safetensors").write_text("content")
    run_dir.result_file.write_text('{"task": "single_label"}')

    _, value = command("doctor")

    assert value["workspace"]["damaged"] == {run.id: {"model/config.json": "empty", "predictions.parquet": "gone"}}


def ended_run(workspace: Workspace, config: RunConfig) -> RunRecord:
    run = workspace.launch(config)
    workspace.store.start_run(run.id, events_offset=0)
    return workspace.store.end_run(run.id, RunState.SUCCEEDED)


def test_doctor_counts_what_a_kill_left_in_a_run_and_repair_removes_it(
    command: Command, workspace: Workspace, run_config: RunConfig
) -> None:
    run = ended_run(workspace, run_config)
    left = workspace.run_dir(run.id).folder / ".predictions.parquet.0123abcd.part"
    left.write_text("half")

    code, value = command("doctor")
    assert (code, value["workspace"]["leftovers"]["num_unfinished"]) == (1, 1)
    assert command("doctor", "--repair")[1]["workspace"]["leftovers"]["num_unfinished"] == 0
    assert not left.exists()
