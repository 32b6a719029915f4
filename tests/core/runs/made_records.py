"""A data set, a run and a worker for tests of the database."""

from datetime import UTC, datetime

from core.runs.store.records import DatasetRecord, RunRecord, RunState, WorkerIdentity
from core.runs.store.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATASET = DatasetRecord(
    id="d1", name="tickets", task="single_label", num_examples=4, num_labels=2, content_hash="h", created_at=NOW
)
RUN = RunRecord(
    id="r1",
    name="first",
    dataset_id="d1",
    task="single_label",
    model="bundled",
    recipe="automatic",
    state=RunState.QUEUED,
    created_at=NOW,
)
WORKER = WorkerIdentity(pid=4711, started_at=1234.56, boot_id="boot")


def bring_to(store: Store, run_id: str, state: RunState) -> None:
    if state is RunState.QUEUED:
        return
    store.start_run(run_id, events_offset=0)
    if state is not RunState.RUNNING:
        store.end_run(run_id, state)
