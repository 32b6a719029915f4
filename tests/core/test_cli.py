"""The command line: one JSON object on standard output, the exit code that fits, and no traceback for a person's mistake."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.cli import main
from core.config import RunConfig
from core.runs.records import RunState
from core.settings import PROJECT_ROOT, Settings
from core.workspace import Workspace

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def command(settings: Settings, fake_worker, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command with ``--json``: its exit code and its one JSON object."""

    def run(*words: str, behaviour: str = "succeed") -> tuple[int, dict[str, Any]]:
        code = main([*words, "--json"], settings=settings, worker_command=fake_worker(behaviour))
        (line,) = capsys.readouterr().out.splitlines()
        return code, json.loads(line)

    return run


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.csv"
    rows = [f"{number},the {'parcel' if number % 2 else 'bill'} is wrong {number},{number % 2}" for number in range(40)]
    file.write_text("number,message,kind\n" + "\n".join(rows))
    return file


# --- import ----------------------------------------------------------------------------------------------------------------


def test_import_makes_a_data_set(command: Command, tickets: Path) -> None:
    code, value = command("import", str(tickets), "--text-column", "message", "--label-column", "kind", "--name", "Mail")

    assert code == 0
    assert value["name"] == "Mail"
    assert value["labels"] == ["0", "1"]
    assert set(value["num_examples"]) == {"train", "validation", "test"}
    assert sum(value["num_examples"].values()) == 40


def test_import_takes_validation_and_test_from_files_of_their_own(command: Command, tickets: Path, tmp_path: Path) -> None:
    for part in ("validation", "test"):
        (tmp_path / f"{part}.csv").write_text("message,kind\na,0\nb,1\nc,1\n")
    columns = ["--text-column", "message", "--label-column", "kind"]
    parts = ["--validation", str(tmp_path / "validation.csv"), "--test", str(tmp_path / "test.csv")]

    _, value = command("import", str(tickets), *columns, *parts)

    assert value["num_examples"] == {"train": 40, "validation": 3, "test": 3}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["import", "{tickets}", "--text-column", "gone", "--label-column", "kind"], "gone"),
        (["import", "{tickets}", "--task", "poetry"], "poetry"),
        (["import", "{tickets}", "--task", "single_label", "--role", "label"], "ROLE=COLUMN"),
        (["import"], "Missing argument 'FILE'"),
        (["dance"], "dance"),
        (["runs", "--loudly"], "--loudly"),
        (["show", "gone"], "no run 'gone'"),
        (["train", "gone"], "no data set 'gone'"),
        (["cancel", "gone"], "no run 'gone'"),
        (["resume", "gone"], "no run 'gone'"),
        (["predict", "gone", "text"], "no run 'gone'"),
    ],
)
def test_a_mistake_is_said_plainly_with_exit_code_2(
    settings: Settings, tickets: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    words = [word.replace("{tickets}", str(tickets)) for word in words]

    assert main(words, settings=settings) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert "Traceback" not in said.err
    assert said.out == ""

    assert main([*words, "--json"], settings=settings) == 2
    assert expected in json.loads(capsys.readouterr().out)["error"]


# --- train -----------------------------------------------------------------------------------------------------------------


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
    assert "has succeeded" in said.out


@pytest.mark.parametrize(("behaviour", "status"), [("fail", "failed"), ("die", "interrupted")])
@pytest.mark.usefixtures("workspace")
def test_a_run_that_goes_wrong_gives_exit_code_1(command: Command, behaviour: str, status: str) -> None:
    code, value = command("train", "tickets", behaviour=behaviour)

    assert (code, value["status"]) == (1, status)
    assert value["message"]


def test_options_are_taken_from_flags_before_the_file_and_from_the_file_before_the_recipe(
    command: Command, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "data": {"dataset": "another", "dataset_hash": "x", "task": "single_label"},
                "training": {"epochs": 9, "batch_size": 7},
                "optimizer": {"learning_rate": "3e-4"},
                "recipe": "thorough",
            }
        )
    )

    _, value = command("train", "tickets", "--config", str(file), "--set", "epochs=2", "--set", "training.seed=5")

    config = workspace.run_dir(value["run"]).config()
    assert (config.training.epochs, config.training.batch_size, config.training.seed) == (2, 7, 5)
    assert (config.optimizer.learning_rate, config.recipe, config.data.dataset) == (
        3e-4,
        "thorough",
        workspace.dataset("tickets").id,
    )


def test_the_config_of_a_run_starts_an_equal_run(command: Command, workspace: Workspace) -> None:
    _, first = command("train", "tickets", "--set", "epochs=3", "--set", "batch_size=5")
    config_file = workspace.run_dir(first["run"]).config_file

    _, second = command("train", "tickets", "--config", str(config_file))

    assert workspace.run_dir(second["run"]).config() == workspace.run_dir(first["run"]).config()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--set", "epochs"], "key=value"),
        (["--set", "epochs=many"], "training.epochs"),
        (["--set", "speed=9"], "speed"),
        (["--set", "dataset=other"], "--set"),
        (["--model", "/nowhere/model"], "/nowhere/model"),
        (["--recipe", "soup"], "soup"),
        (["--config", "/nowhere/config.yaml"], "cannot read"),
        (["--name", " "], "name"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_launched(
    command: Command, workspace: Workspace, words: list[str], expected: str
) -> None:
    code, value = command("train", "tickets", *words)

    assert code == 2
    assert expected in value["error"]
    assert workspace.runs() == []


@pytest.mark.parametrize("text", ["training:\n  epoch: 3\n", "- a list\n", "training: [", "colour: red\n"])
def test_a_file_that_is_no_run_config_is_refused(command: Command, workspace, tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)

    code, value = command("train", "tickets", "--config", str(file))

    assert (code, workspace.runs()) == (2, [])
    assert value["error"]


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("training:\n  seed: 1\n  epochs: 0\n", [], "training.epochs (config.yaml, line 3): is 0; expected at least 1."),
        ("model:\n  max_length: 9000\n", [], "model.max_length (config.yaml, line 2): is 9000; expected at most 8192."),
        ("model:\n  max_length: 600\n", [], "model.max_length (config.yaml, line 2): is 600, but"),
        ("learning:\n  lora_rank: 4\n", [], "learning.lora_rank (config.yaml, line 2): is 4, which only trainable lora reads"),
        ("training:\n  epochs: 3\n", ["--set", "epochs=0"], "training.epochs (--set): is 0; expected at least 1."),
        ("training:\n  epochs: 3\n", ["--set", "epoch=2"], "epoch (--set): is not an option"),
    ],
)
def test_a_refusal_says_where_the_wrong_value_stands(
    command: Command, workspace: Workspace, tmp_path: Path, text: str, words: list[str], said: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)

    code, value = command("train", "tickets", "--config", str(file), *words)

    assert (code, workspace.runs()) == (2, [])
    assert value["error"].startswith(said)


def test_where_a_server_owns_the_queue_train_leaves_the_run_to_it(command: Command, workspace: Workspace) -> None:
    launcher = workspace.start_launcher()
    launcher.step()

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


# --- cancel, resume --------------------------------------------------------------------------------------------------------


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
    launcher = workspace.new_launcher()
    launcher.step()
    launcher.disown()

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


# --- runs, show, predict, doctor -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("workspace")
def test_runs_lists_what_there_is(command: Command, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("runs") == (0, {"runs": []})
    _, run = command("train", "tickets", "--name", "mine")

    code, value = command("runs")
    assert (code, [listed["run"] for listed in value["runs"]]) == (0, [run["run"]])

    assert main(["runs"], settings=settings) == 0
    assert "mine" in capsys.readouterr().out


@pytest.mark.usefixtures("workspace")
def test_show_gives_the_status_and_the_content_of_the_result(command: Command) -> None:
    _, run = command("train", "tickets")

    code, value = command("show", run["run"])

    assert (code, value["status"], value["task"]) == (0, "succeeded", "single_label")
    assert value["splits"]["test"]["accuracy"] == 0.75
    assert value["training"]["steps"] == 4


@pytest.mark.usefixtures("workspace")
def test_show_works_without_a_result(command: Command, settings, capsys: pytest.CaptureFixture[str]) -> None:
    _, run = command("train", "tickets", behaviour="fail")

    code, value = command("show", run["run"])
    assert (code, value["status"]) == (0, "failed")
    assert "splits" not in value

    main(["show", run["run"]], settings=settings)
    assert "rows of the data set have changed" in capsys.readouterr().out


def test_show_sees_that_a_worker_nobody_watched_has_died(command: Command, workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)

    _, value = command("show", run.id)

    assert value["status"] == "interrupted"


@pytest.mark.usefixtures("workspace")
def test_predicting_with_an_unfinished_run_is_a_mistake(command: Command) -> None:
    _, run = command("train", "tickets", behaviour="fail")

    code, value = command("predict", run["run"], "some text")

    assert code == 2
    assert "no finished model" in value["error"]


@pytest.mark.parametrize("words", [[], ["text", "--file", "{tickets}"]])
@pytest.mark.usefixtures("workspace")
def test_predict_wants_texts_or_a_file(command: Command, tickets: Path, words: list[str]) -> None:
    _, run = command("train", "tickets")

    code, value = command("predict", run["run"], *(word.replace("{tickets}", str(tickets)) for word in words))

    assert code == 2
    assert "texts, --file or --unlabelled" in value["error"]


@pytest.mark.usefixtures("workspace")
def test_predict_names_the_columns_there_are(command: Command, tickets: Path) -> None:
    _, run = command("train", "tickets")

    code, value = command("predict", run["run"], "--file", str(tickets), "--text-column", "gone")

    assert code == 2
    assert "'message'" in value["error"]


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
    assert "cannot be written to" in value["problems"][0]


def test_a_fault_of_the_program_still_gives_one_json_object(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "runs", lambda _: 1 / 0)

    code, value = command("runs")

    assert code == 1
    assert "fault of the program" in value["error"]


def test_what_libraries_print_stays_out_of_the_answer(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Workspace, "runs", lambda _: print("Downloading…") or [])

    assert command("runs") == (0, {"runs": []})
    assert capsys.readouterr().out == ""


# --- as a process ----------------------------------------------------------------------------------------------------------


def test_listing_runs_loads_neither_torch_nor_pandas(settings: Settings) -> None:
    code = (
        "import sys; from core.cli import main; main(['runs', '--json']); "
        "print(sorted({'torch', 'transformers', 'pandas', 'streamlit'} & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TUNEBOARD_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == {"runs": []}
    assert done.stderr.strip() == "[]"


def test_the_module_runs_as_a_program(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "show", "gone", "--json"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "TUNEBOARD_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "gone" in json.loads(done.stdout)["error"]
