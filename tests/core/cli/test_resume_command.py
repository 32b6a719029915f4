"""``python -m core resume``, with and without ``--finish``: if it is not possible, the message is true and says what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from core.config.run_config import RunConfig
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run_in(workspace: Workspace, run_config: RunConfig) -> Callable[..., str]:
    """The id of a run in a certain state, with a checkpoint or without."""

    def make(state: RunState, *, checkpoint: bool = False) -> str:
        run = workspace.launch(run_config)
        if state is not RunState.QUEUED:
            workspace.store.start_run(run.id, events_offset=0)
        if state.is_final:
            workspace.store.end_run(run.id, state)
        if checkpoint:
            (workspace.run_dir(run.id).checkpoints / "step-0003").mkdir(parents=True)
        return run.id

    return make


@pytest.mark.parametrize("words", [[], ["--finish"]])
def test_a_run_that_has_succeeded_is_done(command: Command, run_in: Callable[..., str], words: list[str]) -> None:
    run = run_in(RunState.SUCCEEDED)

    code, value = command("resume", run, *words)

    assert code == 2
    verb = "finish" if words else "resume"
    assert f"has succeeded, so there is nothing to {verb}" in value["error"]
    assert "Launch a new run to train further" in value["error"]
    assert "checkpoint" not in value["error"]


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED])
def test_a_run_that_ended_before_its_first_checkpoint_can_only_begin_anew(
    command: Command, workspace: Workspace, run_in: Callable[..., str], state: RunState
) -> None:
    run = run_in(state)

    code, value = command("resume", run, "--finish")

    assert code == 2
    assert "ended before its first checkpoint" in value["error"]
    assert "Resume it to start from scratch" in value["error"]
    assert workspace.resume(run).state is RunState.QUEUED, "what is advised can be done"


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_run_that_waits_starts_by_itself(command: Command, run_in: Callable[..., str], checkpoint: bool) -> None:
    run = run_in(RunState.QUEUED, checkpoint=checkpoint)

    _, resuming = command("resume", run)
    _, finishing = command("resume", run, "--finish")
    _, predicting = command("predict", run, "a text")

    assert "no finished model yet. Wait for it" in predicting["error"]
    assert "is already queued and starts when its turn comes, so there is nothing to resume" in resuming["error"]
    assert "is queued and starts when its turn comes" in finishing["error"]
    assert ("cancel it first" in finishing["error"]) == checkpoint


def test_a_run_at_work_is_stopped_before_it_is_finished(
    command: Command, workspace: Workspace, run_in: Callable[..., str]
) -> None:
    scheduler = workspace.new_launcher()
    assert scheduler.own()
    run = run_in(RunState.RUNNING)

    code, finishing = command("resume", run, "--finish")
    _, resuming = command("resume", run)

    scheduler.disown()
    assert code == 2
    assert "is running. Stop it first" in finishing["error"]
    assert "is already running, so there is nothing to resume" in resuming["error"]


@pytest.mark.parametrize(("checkpoint", "advice"), [(True, "finish this one with"), (False, "resume this one with")])
def test_who_wants_to_predict_with_a_failed_run_is_told_what_can_be_done_with_it(
    command: Command, run_in: Callable[..., str], checkpoint: bool, advice: str
) -> None:
    run = run_in(RunState.FAILED, checkpoint=checkpoint)

    _, value = command("predict", run, "a text")

    assert "ended early (failed) and has no finished model" in value["error"]
    assert f"{advice} 'python -m core resume {run}{' --finish' if checkpoint else ''}'" in value["error"]


def test_a_finished_run_whose_model_was_deleted_is_not_said_to_be_unfinished(
    command: Command, run_in: Callable[..., str]
) -> None:
    _, value = command("predict", run_in(RunState.SUCCEEDED), "a text")

    assert "is missing from its folder. Launch the run again" in value["error"]
