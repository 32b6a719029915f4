"""How a worker's end is read from what it left behind.

The worker says in ``events.jsonl`` where the run stands: ``running`` once it is up, and ``succeeded``, ``failed``, ``cancelled``
or ``interrupted`` as its last word. Who died without a last word was killed, or could not even start.
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
"""Its number, also where a platform has no such signal."""

NO_ROOM = 74
"""Exit code of a worker that had no room on the disk even for its last word."""


@dataclass(frozen=True)
class ExitStatus:
    """The final state of a run, why in words for the person, and when.

    Attributes:
        ran_out_of_memory: whether the system is known to have killed the worker for want of memory.
    """

    state: RunState
    message: str | None
    finished_at: datetime
    ran_out_of_memory: bool = False


def read_ending(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> ExitStatus:
    """What became of a running run whose worker is gone.

    Args:
        record: the run, still as running.
        run_dir: what the worker wrote.
        exit_code: its exit code, minus the signal that killed it, or nothing where neither is known.
    """
    state, message = _outcome(record, run_dir, exit_code)
    return ExitStatus(
        state,
        message[:LONGEST_MESSAGE] if message else None,
        _finished_at(record, run_dir),
        ran_out_of_memory=state is RunState.INTERRUPTED and _was_killed_for_memory(record, run_dir, exit_code),
    )


def has_announced_itself(record: RunRecord, run_dir: RunDir) -> bool:
    """Whether the worker of this attempt has said that it is up."""
    return _last_word(record, run_dir) is not None


def moment_of_start(record: RunRecord, run_dir: RunDir) -> float | None:
    """When the worker of this attempt began, in seconds of ``processes.clock_s``; None where it has not said so."""
    said = [word["clock_s"] for word in _words(record, run_dir) if isinstance(word.get("clock_s"), int | float)]
    return said[0] if said else None


def _outcome(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> tuple[RunState, str | None]:
    last_word = _last_word(record, run_dir)
    said = last_word.get("state") if last_word else None
    message = (last_word or {}).get("message")
    is_complete = run_dir.result() is not None

    if said == RunState.SUCCEEDED and not is_complete:
        return RunState.FAILED, "The run reported success, but its result.json is missing or damaged. Resume it to train it anew."
    if said == RunState.SUCCEEDED or (said in (RunState.RUNNING, RunState.INTERRUPTED) and is_complete):
        return RunState.SUCCEEDED, None
    if said == RunState.FAILED:
        return RunState.FAILED, message or "The run failed without saying why. The log may tell more."
    if said == RunState.CANCELLED:
        return RunState.CANCELLED, message
    if record.stop_requested and said == RunState.INTERRUPTED and message:
        return RunState.CANCELLED, message  # it was asked twice, and ended in good order
    if record.stop_requested:
        return RunState.CANCELLED, "Stopped, but not in good order: what was learned since the last checkpoint may be missing."
    if said == RunState.INTERRUPTED:
        return RunState.INTERRUPTED, message or "The run was interrupted. Resume goes on from the last checkpoint."
    if exit_code == NO_ROOM:
        return RunState.FAILED, full_sentence(run_dir.folder)
    if said is None and exit_code is not None and exit_code >= 0:
        return RunState.FAILED, _could_not_start(run_dir, exit_code)
    cause = _cause_of_death(record, run_dir, exit_code, oom_kills())
    return RunState.INTERRUPTED, f"{cause} Resume goes on from the last checkpoint, if there is one."


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
        return "The machine was restarted while the run was at work."
    words = _words(record, run_dir)
    ran_out = _ran_out_of_memory(words, kills)
    if exit_code is None:
        if ran_out:
            return f"The worker process is gone without a last word, and the system has killed for want of memory. {_NEEDS_LESS}"
        free = free_mib(run_dir.folder)
        if free is not None and free < FULL_MIB:
            return "The worker process is gone without a last word, and the disk is full. Make room first."
        if not words:
            return "The worker process is gone before it could begin: it was killed, or whoever started it was."
        return "The worker process is gone without a last word; it was killed or it crashed."
    if exit_code >= 0:
        return f"The worker process ended with exit code {exit_code} before its work was done."
    name = signal_name(-exit_code)
    if name != "SIGKILL":
        return f"The worker process was ended by {name}."
    if ran_out:
        return f"The system ran out of memory and killed the worker process (SIGKILL). {_NEEDS_LESS}"
    if ran_out is None:
        return (
            f"The worker process was killed (SIGKILL). Where nobody did that by hand, the system most likely ran out of memory: "
            f"{_NEEDS_LESS[0].lower()}{_NEEDS_LESS[1:]}"
        )
    return "The worker process was killed (SIGKILL) by a person or another program; the system had memory enough."


_NEEDS_LESS = (
    "A smaller batch size, a shorter longest input or a smaller model needs less memory; so does one run at a time. "
    "Launch it again with one of these changed, or free memory."
)


def _ran_out_of_memory(words: list[dict[str, Any]], now: OomKills) -> bool | None:
    """Whether the system has killed for want of memory since the worker began; nothing where that cannot be told."""
    counted = next((word["oom_kills"] for word in words if isinstance(word.get("oom_kills"), dict)), None)
    if counted is None or counted.get("machine") is None or now.machine is None:
        return None
    return now.happened_since(OomKills(machine=counted["machine"], group=counted.get("group")))


def _was_killed_for_memory(record: RunRecord, run_dir: RunDir, exit_code: int | None) -> bool:
    """Whether a worker that left no last word was killed by the system, which says that it has killed for want of memory."""
    words = _words(record, run_dir)
    if not words or words[-1].get("state") != RunState.RUNNING or exit_code not in (None, -SIGKILL):
        return False
    is_same_boot = record.worker is None or record.worker.boot_id == processes.boot_id()
    return is_same_boot and _ran_out_of_memory(words, oom_kills()) is True


def _could_not_start(run_dir: RunDir, exit_code: int) -> str:
    log = [line for line in run_dir.log_tail() if line.strip()]
    last_line = f": {log[-1].strip()}" if log else "; it left nothing in the log."
    return f"The worker could not start (exit code {exit_code}){last_line}"


def _finished_at(record: RunRecord, run_dir: RunDir) -> datetime:
    """When the worker last wrote something: where nobody watched, the end may have come long before it was noticed."""
    written = [file.stat().st_mtime for file in (run_dir.events_file, run_dir.metrics_file, run_dir.log_file) if file.exists()]
    now = datetime.now(UTC)
    last_written = datetime.fromtimestamp(max(written), UTC) if written else now
    return max(record.started_at or now, min(now, last_written))


def headline(task_name: str, run_id: str, run_dir: RunDir) -> tuple[str | None, float | None]:
    """Title and value of the test score the task is judged by, from ``result.json``; nothing where it is not there."""
    from core.tasks import get_task  # numpy and pandas, which a process that only looks at runs does not need

    try:
        task = get_task(task_name)
        result: dict[str, Any] = run_dir.result() or {}
        return task.headline.title, float(task.flat_scores(result["splits"]["test"])[task.headline.key])
    except (UserError, LookupError, TypeError, ValueError):
        logger.exception("The result of run %s has no headline score.", run_id)
        return None, None


def signal_name(number: int) -> str:
    """Name of a signal, such as ``SIGKILL``; its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
