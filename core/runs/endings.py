"""How a worker's end is read from what it left behind.

The worker says in ``events.jsonl`` where the run stands: ``running`` once it is up, and ``succeeded``, ``failed``, ``cancelled``
or ``interrupted`` as its last word. Who died without a last word was killed, or could not even start.
"""

import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.runs import processes
from core.runs.records import RunRecord, RunState
from core.runs.run_dir import LineReader, RunDir

LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Ending:
    """The final state of a run, why in words for the person, and when."""

    state: RunState
    message: str | None
    finished_at: datetime


def read_ending(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> Ending:
    """What became of a running run whose worker is gone.

    Args:
        record: the run, still as running.
        run_dir: what the worker wrote.
        exit_code: its exit code, minus the signal that killed it, or nothing where neither is known.
    """
    state, message = _outcome(record, run_dir, exit_code)
    return Ending(state, message[:LONGEST_MESSAGE] if message else None, _finished_at(record, run_dir))


def has_announced_itself(record: RunRecord, run_dir: RunDir) -> bool:
    """Whether the worker of this attempt has said that it is up."""
    return _last_word(record, run_dir) is not None


def _outcome(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> tuple[RunState, str | None]:
    last_word = _last_word(record, run_dir)
    said = last_word.get("state") if last_word else None
    message = (last_word or {}).get("message")
    is_complete = run_dir.result() is not None

    if said == RunState.SUCCEEDED and not is_complete:
        return RunState.FAILED, "The run reported success, but its result.json is missing or damaged. Resume it to make it again."
    if said == RunState.SUCCEEDED or (said == RunState.RUNNING and is_complete):
        return RunState.SUCCEEDED, None
    if said == RunState.FAILED:
        return RunState.FAILED, message or "The run failed without saying why. The log may tell more."
    if said == RunState.CANCELLED:
        return RunState.CANCELLED, message
    if record.stop_requested:
        return RunState.CANCELLED, "Stopped, but not in good order: what was learned since the last checkpoint may be missing."
    if said == RunState.INTERRUPTED:
        return RunState.INTERRUPTED, message or "The run was interrupted. Resume goes on from the last checkpoint."
    if said is None and not _was_killed(record, exit_code):
        return RunState.FAILED, _could_not_start(run_dir, exit_code)
    return RunState.INTERRUPTED, f"{_cause_of_death(record, exit_code)} Resume goes on from the last checkpoint, if there is one."


def _last_word(record: RunRecord, run_dir: RunDir) -> dict[str, Any] | None:
    """The last state event of this attempt's worker."""
    events = LineReader(run_dir.events_file, record.events_offset).read_new()
    pid = None if record.worker is None else record.worker.pid
    said = [event for event in events if event.get("kind") == "state" and pid in (None, event.get("pid"))]
    return said[-1] if said else None


def _was_killed(record: RunRecord, exit_code: int | None) -> bool:
    restarted = record.worker is not None and record.worker.boot_id != processes.boot_id()
    return restarted or (exit_code is not None and exit_code < 0)


def _cause_of_death(record: RunRecord, exit_code: int | None) -> str:
    if record.worker is not None and record.worker.boot_id != processes.boot_id():
        return "The machine was restarted while the run was at work."
    if exit_code is None:
        return "The worker process is gone without a last word; it was killed or it crashed."
    if exit_code >= 0:
        return f"The worker process ended with exit code {exit_code} before its work was done."
    name = signal_name(-exit_code)
    if name == "SIGKILL":
        return (
            "The worker process was killed (SIGKILL). Where nobody did that by hand, the system most likely ran out of memory: "
            "a smaller batch size or a shorter longest input needs less."
        )
    return f"The worker process was ended by {name}."


def _could_not_start(run_dir: RunDir, exit_code: int | None) -> str:
    log = [line for line in run_dir.log_tail() if line.strip()]
    code = "" if exit_code is None else f" (exit code {exit_code})"
    last_line = f": {log[-1].strip()}" if log else "; it left nothing in the log."
    return f"The worker could not start{code}{last_line}"


def _finished_at(record: RunRecord, run_dir: RunDir) -> datetime:
    """When the worker last wrote something: where nobody watched, the end may have come long before it was noticed."""
    written = [file.stat().st_mtime for file in (run_dir.events_file, run_dir.metrics_file, run_dir.log_file) if file.exists()]
    now = datetime.now(UTC)
    last_written = datetime.fromtimestamp(max(written), UTC) if written else now
    return max(record.started_at or now, min(now, last_written))


def signal_name(number: int) -> str:
    """Name of a signal, such as ``SIGKILL``; its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
