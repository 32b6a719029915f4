"""How long running workers have worked on their runs, unaffected by clock changes and by the time a warm worker waited."""

from datetime import UTC, datetime

from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.process.exit_status import moment_of_start
from core.runs.store.records import RunRecord


class WorkingTimes:
    """Working time of the runs of one scheduler, in seconds; the start that a worker reported is read once."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def of(self, record: RunRecord, run_dir: RunDir) -> float | None:
        """Seconds since this attempt of a run began; ``None`` if its worker process no longer exists.

        A warm worker may be hours older than its run. Its first event says when it began, by ``processes.clock_s``. Until then,
        and for workers that do not report it, the start time in the database counts, limited by the age of the worker.
        """
        age_s = None if record.worker is None else processes.age_s(record.worker)
        if age_s is None:
            return None
        if record.id not in self._started:
            started = moment_of_start(record, run_dir)
            if started is None:
                since_start_s = (datetime.now(UTC) - (record.started_at or datetime.now(UTC))).total_seconds()
                return min(age_s, max(0.0, since_start_s))
            self._started[record.id] = started
        return min(age_s, max(0.0, processes.clock_s() - self._started[record.id]))

    def forget(self, run_id: str) -> None:
        """The attempt has ended."""
        self._started.pop(run_id, None)
