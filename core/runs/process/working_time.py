"""How long the workers at work have been at their runs, whatever was done to the clock, and however long they waited before."""

from datetime import UTC, datetime

from core.runs.directory.run_dir import RunDir
from core.runs.process import processes
from core.runs.process.exit_status import moment_of_start
from core.runs.store.records import RunRecord


class WorkingTimes:
    """Seconds at work of the runs of one scheduler; what a worker said of its start is read once."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def of(self, record: RunRecord, run_dir: RunDir) -> float | None:
        """Seconds since this attempt of a run began; None where its worker is gone.

        A worker that waited for a run may be hours older than the run. It says in its first event when it began, by the clock
        that ``processes.clock_s`` reads. Until then, and for workers that do not say it, the run is as old as its line in the
        database, and never older than its worker.
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
