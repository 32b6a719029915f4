"""The catalogue: what it keeps, what it refuses, and that several users of it do not harm each other."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import DatasetError, NotFoundError, RunError, UserError
from core.runs.records import NEXT_STATES, DatasetRecord, RunRecord, RunState, WorkerIdentity
from core.runs.store import Store

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


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    store.add_dataset(DATASET)
    yield store
    store.close()


def bring_to(store: Store, run_id: str, state: RunState) -> None:
    if state is RunState.QUEUED:
        return
    store.start_run(run_id, events_offset=0)
    if state is not RunState.RUNNING:
        store.end_run(run_id, state)


def move_to(store: Store, run_id: str, state: RunState) -> RunRecord:
    if state is RunState.QUEUED:
        return store.requeue(run_id, finish_early=False)
    if state is RunState.RUNNING:
        return store.start_run(run_id, events_offset=0)
    return store.end_run(run_id, state)


def test_what_was_entered_is_found_again_as_it_was(store: Store) -> None:
    run = replace(RUN, tags=("a", "b"))

    store.add_run(run)

    assert store.run("r1") == run
    assert store.dataset("d1") == DATASET


def test_times_come_back_in_utc_whatever_zone_they_were_given_in(store: Store) -> None:
    in_tokyo = NOW.astimezone(timezone(timedelta(hours=9)))

    store.add_run(replace(RUN, created_at=in_tokyo))

    assert store.run("r1").created_at == NOW
    assert store.run("r1").created_at.tzinfo is UTC


def test_what_was_entered_outlives_the_process_that_entered_it(store: Store, url: str) -> None:
    store.add_run(RUN)
    store.close()

    again = Store(url)

    assert again.run("first") == RUN
    again.close()


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


def test_of_two_who_start_a_run_one_succeeds(url: str, store: Store) -> None:
    store.add_run(RUN)
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def try_to_start() -> None:
        own = Store(url)
        together.wait()
        try:
            own.start_run("r1", events_offset=0)
            outcomes.append("started")
        except RunError:
            outcomes.append("refused")
        own.close()

    threads = [threading.Thread(target=try_to_start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused", "refused", "refused", "started"]


def test_many_writers_at_once_lose_nothing(url: str, store: Store) -> None:
    def add_runs(writer: int) -> None:
        own = Store(url)
        for number in range(10):
            own.add_run(replace(RUN, id=f"{writer}-{number}"))
        own.close()

    threads = [threading.Thread(target=add_runs, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.runs()) == 40
    assert len({run.name for run in store.runs()}) == 40


@pytest.fixture
def other(url: str, store: Store) -> Iterator[sa.Connection]:
    """Another process that holds the catalogue for itself; how to do so differs between the databases."""
    del store
    held = sa.create_engine(url)
    if held.dialect.name == "sqlite":
        held = sa.create_engine(url, connect_args={"isolation_level": None, "check_same_thread": False})
    with held.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if held.dialect.name == "sqlite" else "LOCK TABLE runs IN EXCLUSIVE MODE")
        yield connection
    held.dispose()


def test_a_change_waits_while_another_process_holds_the_database(store: Store, other: sa.Connection) -> None:
    def let_go() -> None:
        other.exec_driver_sql("COMMIT")

    release = threading.Timer(0.3, let_go)
    release.start()

    store.add_run(RUN)

    assert store.run("r1") == RUN
    release.join()


def test_readers_do_not_wait_for_a_writer(store: Store, other: sa.Connection) -> None:
    del other

    assert store.runs() == []


def test_opening_a_catalogue_from_several_threads_at_once_works(url: str) -> None:
    faults: list[Exception] = []

    def open_one() -> None:
        try:
            Store(url).close()
        except UserError as error:
            faults.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []


def test_the_queue_keeps_the_order_of_asking_and_a_resumed_run_goes_to_its_end(store: Store) -> None:
    for number in range(1, 4):
        store.add_run(replace(RUN, id=f"r{number}", name=f"run {number}", created_at=NOW - timedelta(days=number)))
    store.request_stop("r1")
    store.requeue("r1", finish_early=False)

    assert [run.id for run in store.queue()] == ["r2", "r3", "r1"]


def test_runs_are_listed_newest_first(store: Store) -> None:
    for number in range(1, 4):
        store.add_run(replace(RUN, id=f"r{number}", name=f"run {number}", created_at=NOW + timedelta(days=number)))

    assert [run.id for run in store.runs()] == ["r3", "r2", "r1"]


def test_a_taken_name_gets_a_number(store: Store) -> None:
    names = [store.add_run(replace(RUN, id=f"r{number}")).name for number in range(3)]

    assert names == ["first", "first (2)", "first (3)"]


def test_an_id_goes_before_a_name_that_reads_the_same(store: Store) -> None:
    store.add_run(RUN)
    store.add_run(replace(RUN, id="r2", name="r1"))

    assert store.run("r1").id == "r1"


def test_renaming_to_a_taken_name_is_refused(store: Store) -> None:
    store.add_run(RUN)
    store.add_run(replace(RUN, id="r2", name="second"))

    with pytest.raises(RunError, match="'first'"):
        store.rename_run("r2", "first")

    assert store.rename_run("r2", "second").name == "second"


def test_nothing_by_that_name_is_said_plainly(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no run 'lost'"):
        store.run("lost")
    with pytest.raises(NotFoundError, match="no data set 'lost'"):
        store.dataset("lost")


def test_a_run_of_an_unknown_data_set_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no data set"):
        store.add_run(replace(RUN, dataset_id="gone"))


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


def test_a_run_at_work_cannot_be_deleted(store: Store) -> None:
    store.add_run(RUN)
    store.start_run("r1", events_offset=0)

    with pytest.raises(RunError, match="running"):
        store.delete_run("r1")


def test_a_data_set_with_runs_says_how_many_before_it_is_deleted(store: Store) -> None:
    store.add_run(RUN)
    store.add_run(replace(RUN, id="r2"))

    with pytest.raises(DatasetError, match="2 runs use"):
        store.delete_dataset("d1")

    assert sorted(store.delete_dataset("d1", with_runs=True)) == ["r1", "r2"]
    assert store.runs() == []


def test_a_data_set_with_a_run_at_work_is_not_deleted(store: Store) -> None:
    store.add_run(RUN)
    store.start_run("r1", events_offset=0)

    with pytest.raises(DatasetError, match="Stop it first"):
        store.delete_dataset("d1", with_runs=True)

    assert store.dataset("d1") == DATASET


def test_one_persons_view_holds_what_is_theirs_and_nothing_else(store: Store) -> None:
    ada, ben = store.for_user("ada", sees_all=False), store.for_user("ben", sees_all=False)
    ada.add_dataset(replace(DATASET, id="d2", name="letters"))
    ada.add_run(replace(RUN, id="r2", name="hers", dataset_id="d2"))

    assert [record.owner for record in ada.datasets()] == ["ada"]
    assert [run.name for run in ada.runs()] == [run.name for run in ada.queue()] == ["hers"]
    assert ben.datasets() == ben.runs() == ben.queue() == ben.runs(dataset_id="d2") == []
    assert {record.id for record in store.datasets()} == {"d1", "d2"}


def test_what_belongs_to_others_cannot_be_touched_even_by_its_id(store: Store) -> None:
    ada, ben = store.for_user("ada", sees_all=False), store.for_user("ben", sees_all=False)
    ada.add_dataset(replace(DATASET, id="d2"))
    before = ada.add_run(replace(RUN, id="r2", dataset_id="d2"))
    attempts: list[Callable[[], object]] = [
        lambda: ben.dataset("d2"),
        lambda: ben.rename_dataset("d2", "mine"),
        lambda: ben.delete_dataset("d2", with_runs=True),
        lambda: ben.add_run(replace(RUN, id="r3", dataset_id="d2")),
        lambda: ben.run("r2"),
        lambda: ben.rename_run("r2", "mine"),
        lambda: ben.tag_run("r2", ("mine",)),
        lambda: ben.request_stop("r2"),
        lambda: ben.requeue("r2", finish_early=False),
        lambda: ben.delete_run("r2"),
    ]

    for attempt in attempts:
        with pytest.raises(NotFoundError):
            attempt()

    assert ada.run("r2") == before
    assert ada.dataset("d2").name == DATASET.name


def test_an_administrator_sees_and_changes_everything_and_owns_what_they_make(store: Store) -> None:
    root, ada = store.for_user("root", sees_all=True), store.for_user("ada", sees_all=False)
    ada.add_dataset(replace(DATASET, id="d2"))

    run = root.add_run(replace(RUN, id="r2", dataset_id="d2"))

    assert {record.id for record in root.datasets()} == {"d1", "d2"}
    assert run.owner == "root"
    assert root.rename_dataset("d2", "checked").name == "checked"
    assert ada.runs() == []


def test_two_people_may_give_the_same_name_and_each_finds_their_own(store: Store) -> None:
    people = {name: store.for_user(name, sees_all=False) for name in ("ada", "ben")}
    for name, theirs in people.items():
        theirs.add_dataset(replace(DATASET, id=f"d-{name}", name="tickets"))

    assert {name: theirs.dataset("tickets").id for name, theirs in people.items()} == {"ada": "d-ada", "ben": "d-ben"}
    assert people["ada"].add_dataset(replace(DATASET, id="d9", name="tickets")).name == "tickets (2)"


@pytest.mark.parametrize(
    ("make_url", "expected"),
    [
        (lambda folder: f"sqlite:///{folder / 'missing' / 'folder' / 'x.db'}", "unable to open"),
        (lambda _: "nonsense", "database URL"),
        (lambda _: "oracle9://x", "database URL"),
    ],
)
def test_a_database_that_cannot_be_opened_is_said_plainly(tmp_path: Path, make_url: Callable[[Path], str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        Store(make_url(tmp_path))


def test_a_file_that_is_no_database_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("not a database, but somebody's notes " * 50)
    before = file.read_bytes()

    with pytest.raises(UserError, match="not a database"):
        Store(f"sqlite:///{file}")

    assert file.read_bytes() == before
