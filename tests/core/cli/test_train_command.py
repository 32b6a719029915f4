"""``train``, ``resume`` and ``cancel``: following runs to their end."""

import dataclasses
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.cli import main
from core.cli.following import ProgressLine
from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.runs.directory.run_dir import RunDir
from core.runs.store.records import RunRecord, RunState
from core.training.planning.machine_pace import keep_pace
from core.workspace.workspace import Workspace
from tests.core.training.planning.test_estimates import MEASURED

Command = Callable[..., tuple[int, dict[str, Any]]]


def test_train_follows_the_run_to_its_end(command: Command, workspace: Workspace) -> None:
    code, value = command("train", "tickets", "--name", "mine")

    assert code == 0
    assert value["status"] == "succeeded"
    assert value["headline"] == 0.5
    assert value["run"] == workspace.run("mine").id
    assert value["run_dir"] == str(workspace.run_dir(value["run"]).folder)


@pytest.mark.usefixtures("workspace")
def test_train_shows_progress_on_standard_error(settings: Settings, fake_worker, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "tickets"], settings=settings, worker_command=fake_worker("succeed"))

    said = capsys.readouterr()
    assert "epoch 1: validation loss 0.2000, macro_f1 0.5000" in said.err
    assert "Stopped early." in said.err
    assert "has succeeded" in said.out


@pytest.mark.usefixtures("workspace")
def test_train_says_before_the_launch_what_the_recipe_chose_and_why(
    settings: Settings, fake_worker, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", "tickets", "--set", "epochs=2"], settings=settings, worker_command=fake_worker("succeed"))

    before, _, _ = capsys.readouterr().err.partition("\nRun tickets")
    lines = before.splitlines()
    assert lines[0] == "Recipe automatic:"
    assert "  batch_size=16  2 training examples: small batches give a small data set more steps." in lines
    assert not any(line.startswith("  epochs=") for line in lines), "what a person has set is theirs"
    assert "2 examples, 2 epochs of 1 step on" in lines[-1]


@pytest.mark.usefixtures("workspace")
def test_train_says_what_memory_it_takes_and_a_time_only_where_the_machine_was_measured(
    settings: Settings, fake_worker, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", "tickets"], settings=settings, worker_command=fake_worker("succeed"))
    said = capsys.readouterr().err
    keep_pace(settings.home, dataclasses.replace(MEASURED, threads=settings.threads))

    _, value = command("train", "tickets")

    assert re.search(r"Memory: about \d\.\d of \d+ GiB\.", said)
    assert ", about" not in said
    assert value["foreseen"]["duration_s"] > 0
    assert 500 < value["foreseen"]["memory_mib"] < value["foreseen"]["total_memory_mib"]


@pytest.mark.parametrize(("behaviour", "status"), [("fail", "failed"), ("die", "interrupted")])
@pytest.mark.usefixtures("workspace")
def test_a_run_that_goes_wrong_gives_exit_code_1(command: Command, behaviour: str, status: str) -> None:
    code, value = command("train", "tickets", behaviour=behaviour)

    assert (code, value["status"]) == (1, status)
    assert value["message"]


def test_where_a_server_owns_the_queue_train_leaves_the_run_to_it(command: Command, workspace: Workspace) -> None:
    scheduler = workspace.start_launcher()
    scheduler.step()

    code, value = command("train", "tickets", behaviour="fail")

    assert (code, value["status"]) == (0, "succeeded"), "the worker of the server did the run, not the one of the command"


def test_train_takes_over_when_the_server_goes_away(command: Command, workspace, wait_until) -> None:
    server = workspace.new_launcher()
    assert server.own()
    leaves = threading.Thread(target=lambda: (wait_until(lambda: workspace.queue() != []), server.disown()))
    leaves.start()

    code, value = command("train", "tickets")

    leaves.join()
    assert (code, value["status"]) == (0, "succeeded")


def test_runs_before_it_are_started_first(command: Command, workspace: Workspace, run_config: RunConfig) -> None:
    earlier = workspace.launch(run_config)

    _, value = command("train", "tickets")

    assert workspace.run(earlier.id).state is RunState.SUCCEEDED
    assert workspace.run(earlier.id).finished_at <= workspace.run(value["run"]).started_at


def test_ctrl_c_stops_the_run_and_gives_exit_code_130(command: Command, workspace: Workspace, wait_until) -> None:
    def press() -> None:
        wait_until(lambda: workspace.store.running() != [])
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()

    code, value = command("train", "tickets", behaviour="obey")

    finger.join()
    assert (code, value["status"]) == (130, "cancelled")


def test_cancelling_a_run_that_waits_needs_no_server(command: Command, workspace: Workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)

    code, value = command("cancel", run.id)

    assert (code, value["status"]) == (0, "cancelled")


def test_cancelling_a_run_whose_server_is_gone_stops_its_worker_and_starts_no_other(
    command: Command, open_workspace, add_dataset, run_config: RunConfig
) -> None:
    workspace = open_workspace("obey")
    add_dataset(workspace)
    run, waiting = workspace.launch(run_config), workspace.launch(run_config)
    scheduler = workspace.new_launcher()
    scheduler.step()
    scheduler.disown()

    code, value = command("cancel", run.id)

    assert (code, value["status"]) == (0, "cancelled")
    assert workspace.run(waiting.id).state is RunState.QUEUED


@pytest.mark.usefixtures("workspace")
def test_cancelling_what_has_ended_is_a_mistake(command: Command) -> None:
    _, run = command("train", "tickets")

    code, value = command("cancel", run["run"])

    assert code == 2
    assert "already ended" in value["error"]


@pytest.mark.usefixtures("workspace")
def test_resume_goes_on_and_follows(command: Command) -> None:
    _, run = command("train", "tickets", behaviour="die")

    code, value = command("resume", run["run"])

    assert (code, value["status"], value["run"]) == (0, "succeeded", run["run"])


def test_a_validation_whose_loss_is_no_number_shows_its_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of metrics contains only finite values."""
    progress = ProgressLine(RunDir(tmp_path))
    (tmp_path / "metrics.jsonl").write_text('{"step": 4, "epoch": 1.0, "validation/macro_f1": 0.5}\n')

    progress.show(cast("RunRecord", SimpleNamespace(state=RunState.SUCCEEDED)), num_before=0)

    assert "epoch 1: validation macro_f1 0.5000" in capsys.readouterr().err
