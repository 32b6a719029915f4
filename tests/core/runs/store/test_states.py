"""State transitions of a run in the database, and what each one changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import RunError
from core.runs.store.records import NEXT_STATES, RunRecord, RunState
from core.runs.store.store import Store
from tests.core.runs.made_records import NOW, RUN, WORKER, bring_to


def move_to(store: Store, run_id: str, state: RunState) -> RunRecord:
    if state is RunState.QUEUED:
        return store.requeue(run_id, finish_early=False)
    if state is RunState.RUNNING:
        return store.start_run(run_id, events_offset=0)
    return store.end_run(run_id, state)


@pytest.mark.parametrize("before", list(RunState))
def test_a_run_moves_only_along_the_transitions_there_are(store: Store, before: RunState) -> None:
    for after in RunState:
        run_id = store.add_run(replace(RUN, id=f"to {after}")).id
        bring_to(store, run_id, before)

        if after in NEXT_STATES[before]:
            assert move_to(store, run_id, after).state is after
        else:
            with pytest.raises(RunError):
                move_to(store, run_id, after)
            assert store.run(run_id).state is before


def test_the_queue_keeps_the_order_of_asking_and_a_resumed_run_goes_to_its_end(store: Store) -> None:
    for number in range(1, 4):
        store.add_run(replace(RUN, id=f"r{number}", name=f"run {number}", created_at=NOW - timedelta(days=number)))
    store.request_stop("r1")
    store.requeue("r1", finish_early=False)

    assert [run.id for run in store.queue()] == ["r2", "r3", "r1"]


def test_a_worker_is_noted_while_a_run_is_at_work_and_forgotten_after(store: Store) -> None:
    store.add_run(RUN)
    store.start_run("r1", events_offset=17)

    assert store.set_worker("r1", WORKER).worker == WORKER
    assert store.run("r1").events_offset == 17
    assert store.end_run("r1", RunState.FAILED, message="why").worker is None


def test_stopping_a_waiting_run_cancels_it_at_once(store: Store) -> None:
    store.add_run(RUN)

    assert store.request_stop("r1").state is RunState.CANCELLED
    assert store.queue() == []


def test_stopping_a_run_at_work_asks_and_asking_again_changes_nothing(store: Store) -> None:
    store.add_run(RUN)
    store.start_run("r1", events_offset=0)

    assert store.request_stop("r1").stop_requested
    assert store.request_stop("r1").state is RunState.RUNNING


def test_stopping_a_run_that_ended_by_itself_is_refused(store: Store) -> None:
    store.add_run(RUN)
    bring_to(store, "r1", RunState.SUCCEEDED)

    with pytest.raises(RunError, match="already ended"):
        store.request_stop("r1")


def test_a_resumed_run_starts_without_the_marks_of_its_last_attempt(store: Store) -> None:
    store.add_run(RUN)
    store.start_run("r1", events_offset=0)
    store.request_stop("r1")
    store.end_run("r1", RunState.CANCELLED, message="stopped")

    run = store.requeue("r1", finish_early=True)

    assert (run.stop_requested, run.message, run.finished_at, run.finish_early) == (False, None, None, True)


def test_the_duration_of_a_resumed_run_counts_every_attempt_and_no_pause(store: Store) -> None:
    store.add_run(RUN)
    first = store.start_run("r1", events_offset=0).started_at
    assert first is not None
    store.end_run("r1", RunState.INTERRUPTED, finished_at=first + timedelta(seconds=60))
    store.requeue("r1", finish_early=False)
    second = store.start_run("r1", events_offset=0).started_at
    assert second is not None

    ended = store.end_run("r1", RunState.SUCCEEDED, finished_at=second + timedelta(seconds=5))

    assert ended.duration_s == pytest.approx(65)
