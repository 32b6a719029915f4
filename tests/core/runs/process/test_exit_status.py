"""How a worker ended, from its exit code and its events."""

import json
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.runs.directory.run_dir import RunDir
from core.runs.process.exit_status import read_ending
from core.runs.process.processes import boot_id
from core.runs.store.records import RunState, WorkerIdentity
from tests.core.runs import made_records

PID = 4711
RUN = replace(
    made_records.RUN,
    state=RunState.RUNNING,
    started_at=made_records.NOW,
    worker=WorkerIdentity(pid=PID, started_at=1.0, boot_id=boot_id()),
)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


def say(run_dir: RunDir, *states: str, pid: int = PID, message: str = "") -> None:
    with run_dir.events_file.open("a") as events:
        for state in states:
            events.write(json.dumps({"kind": "state", "state": state, "pid": pid, "message": message}) + "\n")


def test_success_with_a_result_is_success(run_dir: RunDir) -> None:
    say(run_dir, "running", "succeeded")
    run_dir.write_result({"task": "single_label"})

    assert read_ending(RUN, run_dir, 0).state is RunState.SUCCEEDED


@pytest.mark.parametrize("result", [None, "", "[1]", '{"task": '])
def test_success_without_a_whole_result_is_failure(run_dir: RunDir, result: str | None) -> None:
    say(run_dir, "running", "succeeded")
    if result is not None:
        run_dir.result_file.write_text(result)

    ending = read_ending(RUN, run_dir, 0)

    assert ending.state is RunState.FAILED
    assert ending.message is not None
    assert "result.json" in ending.message


def test_a_worker_killed_after_its_result_was_whole_has_succeeded(run_dir: RunDir) -> None:
    say(run_dir, "running")
    run_dir.write_result({"task": "single_label"})

    assert read_ending(RUN, run_dir, -signal.SIGKILL).state is RunState.SUCCEEDED


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED])
def test_the_last_word_of_the_worker_decides(run_dir: RunDir, state: RunState) -> None:
    say(run_dir, "running")
    say(run_dir, state, message="Because.")

    ending = read_ending(RUN, run_dir, 1)

    assert (ending.state, ending.message) == (state, "Because.")


@pytest.mark.parametrize("said", [(), ("running",)])
def test_a_killed_worker_is_interrupted_by_that_signal(run_dir: RunDir, said: tuple[str, ...]) -> None:
    say(run_dir, *said)

    ending = read_ending(RUN, run_dir, -signal.SIGKILL)

    assert ending.state is RunState.INTERRUPTED
    assert ending.message is not None
    assert "SIGKILL" in ending.message


def test_a_crash_tells_the_exit_code(run_dir: RunDir) -> None:
    say(run_dir, "running")

    ending = read_ending(RUN, run_dir, 3)

    assert ending.state is RunState.INTERRUPTED
    assert ending.message is not None
    assert "exit code 3" in ending.message


def test_an_end_nobody_saw_is_an_interruption(run_dir: RunDir) -> None:
    say(run_dir, "running")

    assert read_ending(RUN, run_dir, None).state is RunState.INTERRUPTED


def test_a_restart_of_the_machine_is_told_as_such(run_dir: RunDir) -> None:
    worker = WorkerIdentity(pid=PID, started_at=1.0, boot_id="an earlier boot")

    ending = read_ending(replace(RUN, worker=worker), run_dir, None)

    assert ending.state is RunState.INTERRUPTED
    assert ending.message is not None
    assert "machine was restarted" in ending.message


def test_a_worker_that_could_not_start_has_failed_with_the_last_line_of_its_log(run_dir: RunDir) -> None:
    run_dir.log_file.write_text("Traceback …\nModuleNotFoundError: No module named 'torch'\n\n")

    ending = read_ending(RUN, run_dir, 1)

    assert ending.state is RunState.FAILED
    assert ending.message is not None
    assert "No module named 'torch'" in ending.message


@pytest.mark.parametrize("said", [(), ("running",), ("running", "interrupted")])
def test_a_run_that_was_asked_to_stop_and_is_gone_is_cancelled(run_dir: RunDir, said: tuple[str, ...]) -> None:
    say(run_dir, *said)

    ending = read_ending(replace(RUN, stop_requested=True), run_dir, -signal.SIGKILL)

    assert ending.state is RunState.CANCELLED


def test_what_an_earlier_attempt_or_another_process_said_does_not_count(run_dir: RunDir) -> None:
    say(run_dir, "running", "cancelled")
    offset = run_dir.events_file.stat().st_size
    say(run_dir, "running", "failed", pid=PID + 1)
    say(run_dir, "running")

    ending = read_ending(replace(RUN, events_offset=offset), run_dir, -signal.SIGKILL)

    assert ending.state is RunState.INTERRUPTED


def test_a_torn_or_damaged_line_hides_nothing_else(run_dir: RunDir) -> None:
    say(run_dir, "running", "failed", message="Because.")
    with run_dir.events_file.open("ab") as events:
        events.write(b'\xff\xfe not json\n[1]\n{"kind": "state", "state": "succ')

    assert read_ending(RUN, run_dir, 1).state is RunState.FAILED


def test_an_end_noticed_late_is_dated_by_the_last_thing_written(run_dir: RunDir) -> None:
    say(run_dir, "running")
    last_written = datetime(2026, 3, 1, 17, tzinfo=UTC)
    os.utime(run_dir.events_file, (last_written.timestamp(), last_written.timestamp()))

    assert read_ending(RUN, run_dir, None).finished_at == last_written


def test_an_end_is_never_dated_before_the_start(run_dir: RunDir) -> None:
    say(run_dir, "running")
    os.utime(run_dir.events_file, (0, 0))
    started_at = datetime.now(UTC) - timedelta(seconds=5)

    assert read_ending(replace(RUN, started_at=started_at), run_dir, None).finished_at == started_at
