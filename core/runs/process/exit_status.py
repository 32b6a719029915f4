"""How a worker ended, from its exit code and the events it wrote.

The worker writes state events to ``events.jsonl``: ``running`` once it is up, and ``succeeded``, ``failed``, ``cancelled`` or
``interrupted`` as the final one. A worker that ended without a final state event was killed, or could not even start.
"""

import logging
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.errors import UserError
from core.machine.full_disk import FULL_MIB, free_mib, full_sentence
from core.machine.memory import OomKills, oom_kills
from core.runs.directory.run_dir import LineReader, RunDir
from core.runs.process import processes
from core.runs.store.records import RunRecord, RunState

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 2000

SIGKILL = 9
"""Number of the signal, also on platforms without it."""

NO_ROOM = 74
"""Exit code of a worker that had no disk space even for its final state event."""


@dataclass(frozen=True)
class ExitStatus:
    """The final state of a run, the reason as a sentence for the user, and the time.

    Attributes:
        ran_out_of_memory: whether the system is known to have killed the worker because memory ran out.
    """

    state: RunState
    message: str | None
    finished_at: datetime
    ran_out_of_memory: bool = False


def read_ending(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> ExitStatus:
    """The end of a running run whose worker process no longer exists.

    Args:
        record: the run, still as running.
        run_dir: what the worker wrote.
        exit_code: its exit code, or minus the signal that killed it; ``None`` if neither is known.
    """
    state, message = _outcome(record, run_dir, exit_code)
    return ExitStatus(
        state,
        message[:LONGEST_MESSAGE] if message else None,
        _finished_at(record, run_dir),
        ran_out_of_memory=state is RunState.INTERRUPTED and _was_killed_for_memory(record, run_dir, exit_code),
    )


def has_announced_itself(record: RunRecord, run_dir: RunDir) -> bool:
    """Whether the worker of this attempt has written its first state event."""
    return _last_word(record, run_dir) is not None


def moment_of_start(record: RunRecord, run_dir: RunDir) -> float | None:
    """When the worker of this attempt began, in seconds of ``processes.clock_s``; ``None`` if it has not written that."""
    said = [word["clock_s"] for word in _words(record, run_dir) if isinstance(word.get("clock_s"), int | float)]
    return said[0] if said else None


def _outcome(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> tuple[RunState, str | None]:
    last_word = _last_word(record, run_dir)
    said = last_word.get("state") if last_word else None
    message = (last_word or {}).get("message")
    is_complete = run_dir.result() is not None

    if said == RunState.SUCCEEDED and not is_complete:
        return (
            RunState.FAILED,
            "The run reported success, but its result.json is missing or damaged. Resume the run to repeat it.",
        )
    if said == RunState.SUCCEEDED or (said in (RunState.RUNNING, RunState.INTERRUPTED) and is_complete):
        return RunState.SUCCEEDED, None
    if said == RunState.FAILED:
        return RunState.FAILED, message or "The run failed without an error message. See the log for details."
    if said == RunState.CANCELLED:
        return RunState.CANCELLED, message
    if record.stop_requested and said == RunState.INTERRUPTED and message:
        return RunState.CANCELLED, message  # it was asked twice, and stopped cleanly
    if record.stop_requested:
        return RunState.CANCELLED, "Stopped, but not cleanly: training progress since the last checkpoint may be lost."
    if said == RunState.INTERRUPTED:
        return RunState.INTERRUPTED, message or "The run was interrupted. Resume continues from the last checkpoint."
    if exit_code == NO_ROOM:
        return RunState.FAILED, full_sentence(run_dir.folder)
    if said is None and exit_code is not None and exit_code >= 0:
        return RunState.FAILED, _could_not_start(run_dir, exit_code)
    cause = _cause_of_death(record, run_dir, exit_code, oom_kills())
    return RunState.INTERRUPTED, f"{cause} Resume continues from the last checkpoint, if there is one."


def _last_word(record: RunRecord, run_dir: RunDir) -> dict[str, Any] | None:
    """The last state event of this attempt's worker."""
    said = _words(record, run_dir)
    return said[-1] if said else None


def _words(record: RunRecord, run_dir: RunDir) -> list[dict[str, Any]]:
    """Every state event of this attempt's worker."""
    events = LineReader(run_dir.events_file, record.events_offset).read_new()
    pid = None if record.worker is None else record.worker.pid
    return [event for event in events if event.get("kind") == "state" and pid in (None, event.get("pid"))]


def _cause_of_death(record: RunRecord, run_dir: RunDir, exit_code: int | None, kills: OomKills) -> str:
    if record.worker is not None and not processes.is_of_this_boot(record.worker):
        return "The machine was restarted during the run."
    words = _words(record, run_dir)
    ran_out = _ran_out_of_memory(words, kills)
    if exit_code is None:
        if ran_out:
            return f"The worker process ended without giving a reason, and the system ran out of memory meanwhile. {_NEEDS_LESS}"
        free = free_mib(run_dir.folder)
        if free is not None and free < FULL_MIB:
            return "The worker process ended without giving a reason, and the disk is full. Free up disk space first."
        if not words:
            return "The worker process ended before it could begin: it was killed, or the process that started it was."
        return "The worker process ended without giving a reason; it was killed or it crashed."
    if exit_code >= 0:
        return f"The worker process ended with exit code {exit_code} before its work was done."
    name = signal_name(-exit_code)
    if name != "SIGKILL":
        return f"The worker process was ended by {name}."
    if ran_out:
        return f"The system ran out of memory and killed the worker process (SIGKILL). {_NEEDS_LESS}"
    if ran_out is None:
        return (
            f"The worker process was killed (SIGKILL). If nobody did that by hand, the system most likely ran out of memory: "
            f"{_NEEDS_LESS[0].lower()}{_NEEDS_LESS[1:]}"
        )
    return "The worker process was killed (SIGKILL) by a person or another program; the system had enough memory."


_NEEDS_LESS = (
    "A smaller batch size, a shorter maximum input length or a smaller model needs less memory; so does one run at a time. "
    "Change one of these and launch the run again, or free memory."
)


def _ran_out_of_memory(words: list[dict[str, Any]], now: OomKills) -> bool | None:
    """Whether the system has killed processes for lack of memory since the worker began; ``None`` if that is unknown."""
    counted = next((word["oom_kills"] for word in words if isinstance(word.get("oom_kills"), dict)), None)
    if counted is None or counted.get("machine") is None or now.machine is None:
        return None
    return now.happened_since(OomKills(machine=counted["machine"], group=counted.get("group")))


def _was_killed_for_memory(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> bool:
    """Whether a worker without a final state event was killed by the system, which counts its out-of-memory kills."""
    words = _words(record, run_dir)
    if not words or words[-1].get("state") != RunState.RUNNING or exit_code not in (None, -SIGKILL):
        return False
    is_same_boot = record.worker is None or record.worker.boot_id == processes.boot_id()
    return is_same_boot and _ran_out_of_memory(words, oom_kills()) is True


def _could_not_start(run_dir: RunDir, exit_code: int) -> str:
    log = [line for line in run_dir.log_tail() if line.strip()]
    last_line = f": {log[-1].strip()}" if log else "; its log is empty."
    return f"The worker could not start (exit code {exit_code}){last_line}"


def _finished_at(record: RunRecord, run_dir: RunDir) -> datetime:
    """When the worker last wrote something: if nothing supervised it, it may have ended long before that was noticed."""
    written = [file.stat().st_mtime for file in (run_dir.events_file, run_dir.metrics_file, run_dir.log_file) if file.exists()]
    now = datetime.now(UTC)
    last_written = datetime.fromtimestamp(max(written), UTC) if written else now
    return max(record.started_at or now, min(now, last_written))


def headline(task_name: str, run_id: str, run_dir: RunDir) -> tuple[str | None, float | None]:
    """Title and value of the task's main test score, from ``result.json``; ``None`` for both if it is missing."""
    from core.tasks import get_task  # numpy and pandas, which a process that only lists runs does not need

    try:
        task = get_task(task_name)
        result: dict[str, Any] = run_dir.result() or {}
        return task.headline.title, float(task.flat_scores(result["splits"]["test"])[task.headline.key])
    except (UserError, LookupError, TypeError, ValueError):
        logger.exception("The result of run %s has no headline score.", run_id)
        return None, None


def signal_name(number: int) -> str:
    """Name of a signal, such as ``SIGKILL``; its number if it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
