"""The reported state of a run is what happened: states are not lost, and nothing is claimed that was not checked."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.config.run_config import RunConfig
from core.config.settings import Settings
from core.errors import ModelError, RunError
from core.runs.directory.run_dir import RunDir
from core.runs.process.exit_status import read_ending
from core.runs.process.processes import boot_id, is_alive
from core.runs.recovery.rebuild import rebuild
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.warm_worker import WarmWorker
from core.runs.scheduler.worker_env import worker_environment
from core.runs.store.engine import NotNowError
from core.runs.store.records import RunRecord, RunState, WorkerIdentity
from core.runs.worker import worker
from core.workspace.workspace import Workspace
from tests.core.runs import made_records

NO_LAST_WORD = "Stopped, but not cleanly"


def say(run_dir: RunDir, state: str, message: str = "", pid: int = 4711) -> None:
    run_dir.append_event("state", message, state=state, pid=pid)


# --- states that were lost -------------------------------------------------------------------------------------------------


def test_a_stop_in_good_order_is_told_so_however_often_it_was_asked_for(tmp_path: Path) -> None:
    """A worker that was asked to stop twice, first by SIGINT and then by SIGTERM, has a checkpoint and says so."""
    run_dir = RunDir(tmp_path)
    say(run_dir, "running")
    say(run_dir, "interrupted", "Stopped; training progress is saved in a checkpoint.")
    noted = WorkerIdentity(pid=4711, started_at=1.0, boot_id=boot_id())
    run = dataclasses.replace(made_records.RUN, state=RunState.RUNNING, worker=noted, stop_requested=True)

    ending = read_ending(run, run_dir, 143)

    assert ending.state is RunState.CANCELLED
    assert ending.message == "Stopped; training progress is saved in a checkpoint."
    killed = read_ending(dataclasses.replace(run, events_offset=run_dir.events_file.stat().st_size), run_dir, -9)
    assert killed.message is not None
    assert killed.message.startswith(NO_LAST_WORD)


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.FAILED, RunState.INTERRUPTED])
def test_a_database_made_anew_knows_how_a_run_ended(
    workspace: Workspace, run_config: RunConfig, settings: Settings, state: RunState
) -> None:
    run = workspace.launch(run_config)
    say(workspace.run_dir(run.id), "running")
    say(workspace.run_dir(run.id), state, f"It was {state}.")
    workspace.close()
    (settings.home / "tuneboard.db").unlink()

    rebuild(settings)

    found = Workspace(settings)
    try:
        assert found.run(run.id).state is state
        if state is not RunState.INTERRUPTED:
            assert found.run(run.id).message == f"It was {state}."
    finally:
        found.close()


@pytest.mark.parametrize("message", ["The folder /home/\udcff cannot be read.", "A label is \ud800."])
def test_a_worker_says_its_last_word_whatever_letters_it_takes(tmp_path: Path, message: str) -> None:
    recorder = worker.RunRecorder.__new__(worker.RunRecorder)
    recorder.run_dir = RunDir(tmp_path)
    try:
        raise ValueError(message)
    except ValueError:
        state, said = worker._failed(recorder.run_dir, message)
    recorder.state(state, said)

    assert recorder.run_dir.events()[-1]["state"] == "failed"
    error = recorder.run_dir.error()
    assert error is not None
    assert error["message"] == recorder.run_dir.events()[-1]["message"]


def test_a_run_another_worker_is_at_work_on_is_not_said_to_have_failed(
    workspace: Workspace, launcher_with, run_config: RunConfig, step_until_ended, wait_until
) -> None:
    """For example after an older database was restored: the run is queued in it again, while its worker is running."""
    run = workspace.launch(run_config)
    run_dir = workspace.run_dir(run.id)
    code = (
        "import sys; from pathlib import Path; from core.runs.directory.run_dir import RunDir; import os\n"
        "run_dir = RunDir(Path(sys.argv[1]))\n"
        "with run_dir.only_worker():\n"
        "    run_dir.append_event('state', '', state='running', pid=os.getpid())\n"
        "    input()\n"
        "    run_dir.append_event('state', 'It was asked.', state='cancelled', pid=os.getpid())\n"
    )
    at_work = subprocess.Popen([sys.executable, "-c", code, str(run_dir.folder)], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: bool(run_dir.events()))
        scheduler = launcher_with("find-another")

        def is_found() -> bool:
            scheduler.step()
            found = workspace.run(run.id)
            assert not found.state.is_final, found.message
            return found.worker is not None and found.worker.pid == at_work.pid

        wait_until(is_found)
        at_work.communicate(b"\n")
        assert step_until_ended(workspace, scheduler, run.id) is RunState.CANCELLED
        assert workspace.run(run.id).message == "It was asked."
    finally:
        at_work.kill()
        at_work.wait()


# --- a race with the database ----------------------------------------------------------------------------------------------


def test_a_run_whose_turn_comes_while_the_database_is_held_waits_on_and_takes_no_worker_along(
    workspace: Workspace, fake_worker, keep_scheduler, run_config: RunConfig, step_until_ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = fake_worker("succeed")
    scheduler = keep_scheduler(
        Scheduler(workspace.store, workspace.settings, command, warm_worker=WarmWorker(command, delay_s=0.0, idle_s=60.0))
    )
    scheduler.expect_launch()
    scheduler.step()
    waiting = scheduler.warm_worker.worker
    assert waiting is not None
    run = workspace.launch(run_config)

    def held(*_: object, **__: object) -> RunRecord:
        raise NotNowError("Another process has held the database.")

    with monkeypatch.context() as patched:
        patched.setattr(type(workspace.store), "start_run", held)
        scheduler.start_queued()

    assert workspace.run(run.id).state is RunState.QUEUED
    assert not is_alive(waiting)
    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED


# --- what is said but not so -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_run_stopped_at_a_limit_is_said_to_have_a_checkpoint_only_if_it_has_one(
    workspace: Workspace,
    launcher_with,
    fake_worker,
    keep_scheduler,
    run_config,
    wait_until,
    step_until_ended,
    has_checkpoint: bool,
) -> None:
    run = workspace.launch(run_config)
    scheduler = launcher_with("obey")
    scheduler.step()
    wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(run.id).events()))
    if has_checkpoint:
        (workspace.run_dir(run.id).checkpoints / "step-0003").mkdir(parents=True)
    scheduler.disown()
    short = dataclasses.replace(workspace.settings, min_free_mib=2**40)

    step_until_ended(workspace, keep_scheduler(Scheduler(workspace.store, short, fake_worker("obey"))), run.id)

    message = workspace.run(run.id).message
    assert message is not None
    assert "disk space were free" in message
    assert ("continues from its last checkpoint" in message) is has_checkpoint
    assert ("starts from scratch" in message) is not has_checkpoint


def test_a_worker_claims_a_checkpoint_only_if_there_is_one(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    assert "starts from scratch" in worker.stopped_sentence(run_dir)

    (run_dir.checkpoints / "step-0003").mkdir(parents=True)

    assert "saved in a checkpoint" in worker.stopped_sentence(run_dir)


def test_a_resumed_run_cancelled_in_the_queue_has_been_at_work_before(workspace: Workspace, run_config: RunConfig) -> None:
    run = workspace.launch(run_config)
    workspace.store.start_run(run.id, events_offset=0)
    started = workspace.run(run.id).started_at
    assert started is not None
    workspace.store.end_run(run.id, RunState.FAILED, finished_at=started + timedelta(hours=2))
    workspace.resume(run.id)

    cancelled = workspace.stop(run.id)

    assert cancelled.message is not None
    assert "before it started" not in cancelled.message
    assert cancelled.duration_s == pytest.approx(7200)
    workspace.resume(run.id)
    assert workspace.run(run.id).earlier_s == pytest.approx(7200)


# --- settings nobody acted on ----------------------------------------------------------------------------------------------


def ended(workspace: Workspace, config: RunConfig, **settings: object) -> tuple[Workspace, str]:
    """The workspace with other settings, and a run in it that has failed before."""
    run = workspace.launch(config)
    workspace.store.start_run(run.id, events_offset=0)
    workspace.store.end_run(run.id, RunState.FAILED)
    workspace.settings = dataclasses.replace(workspace.settings, **settings)  # type: ignore[arg-type]
    return workspace, run.id


def test_a_full_queue_takes_no_resumed_run_either(workspace: Workspace, run_config: RunConfig) -> None:
    workspace, run_id = ended(workspace, run_config, max_queue=1)
    workspace.launch(run_config)

    with pytest.raises(RunError, match="TUNEBOARD_MAX_QUEUE"):
        workspace.resume(run_id)


HUB = {"model.model": "google-bert/bert-base-uncased"}


def test_a_model_that_is_left_out_now_is_not_resumed(workspace: Workspace, run_config: RunConfig) -> None:
    workspace, run_id = ended(workspace, run_config.with_values(HUB), hub_models=("intfloat/*",))

    with pytest.raises(ModelError, match="TUNEBOARD_HUB_MODELS"):
        workspace.resume(run_id)


def test_a_run_that_waits_with_a_model_that_is_left_out_now_does_not_start(
    workspace: Workspace, run_config: RunConfig, fake_worker, keep_scheduler
) -> None:
    run = workspace.launch(run_config.with_values(HUB))
    settings = dataclasses.replace(workspace.settings, hub_models=("intfloat/*",))

    keep_scheduler(Scheduler(workspace.store, settings, fake_worker("obey"))).step()

    assert workspace.run(run.id).state is RunState.FAILED
    assert "TUNEBOARD_HUB_MODELS" in str(workspace.run(run.id).message)


def test_a_worker_is_told_no_secret_of_the_server() -> None:
    settings = Settings.from_environment({"TUNEBOARD_HOME": "/tmp"})
    secrets = {"TUNEBOARD_DATABASE_URL": "postgresql://a:b@c/d", "TUNEBOARD_PROXY_SECRET": "s" * 24}

    assert set(worker_environment(settings, "bundled", secrets)).isdisjoint(secrets)


# --- on the command line ---------------------------------------------------------------------------------------------------

Command = Callable[..., tuple[int, dict[str, object]]]


def test_a_queue_nobody_looks_after_is_not_said_to_start_by_itself(
    command: Command, workspace: Workspace, run_config: RunConfig, launcher_with
) -> None:
    workspace.launch(run_config)

    _, value = command("queue")
    assert value["is_looked_after"] is False
    assert "automatically" not in json.dumps(value)
    assert "in a moment" not in json.dumps(value)

    launcher_with("obey").own()
    _, value = command("queue")
    assert value["is_looked_after"] is True
    assert "in a moment" in json.dumps(value)


@pytest.mark.parametrize(
    ("words", "named"),
    [(("queue", "--to", "last"), "--move"), (("predict", "RUN", "a text", "--text-column", "text"), "--text-column")],
)
def test_an_option_that_would_do_nothing_is_refused(
    command: Command, workspace: Workspace, run_config: RunConfig, words: tuple[str, ...], named: str
) -> None:
    run = workspace.launch(run_config)

    code, value = command(*(run.id if word == "RUN" else word for word in words))

    assert code == 2
    assert named in str(value["error"])


@pytest.mark.parametrize("result", ["{}", '{"splits": {"test": [1]}}', '{"splits": 3}', '{"splits": {"test": {"macro": 1}}}'])
def test_a_result_that_was_tampered_with_is_shown_as_far_as_it_can_be(
    workspace: Workspace,
    run_config: RunConfig,
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    result: str,
) -> None:
    from core.cli import main

    run = workspace.launch(run_config)
    workspace.run_dir(run.id).result_file.write_text(result.replace("{}", '{"other": 1}'))

    assert main(["show", run.id], settings=settings) == 0

    assert "result.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("show", "x" * 100_000),
        ("check", "x" * 100_000),
        ("train", "tickets", "--set", "x" * 100_000),
        ("train", "tickets", "--set", f"{'x' * 100_000}=1"),
        ("train", "tickets", "--recipe", "x" * 100_000),
        ("train", "tickets", "--model", "x" * 100_000),
        ("train", "tickets", "--model", "~nobody-of-this-name/model"),
        ("import", "tickets.csv", "--task", "x" * 100_000),
        ("repair", "tickets", "--repair", "x" * 100_000),
        ("export", "tickets", "a.csv", "--format", "x" * 100_000),
        ("cancel", "x" * 100_000),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_what_a_person_wrote_is_not_said_back_to_them_whole(command: Command, words: tuple[str, ...]) -> None:
    code, value = command(*words)

    assert code == 2
    assert len(str(value["error"])) < 1500
