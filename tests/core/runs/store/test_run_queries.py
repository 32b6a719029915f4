"""Lists of runs: the newest that match, how many match, and the values for filters; on every database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.runs.store import run_queries
from core.runs.store.records import DatasetRecord, RunRecord, RunState
from core.runs.store.run_queries import RunFilter
from core.runs.store.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TICKETS = DatasetRecord(
    id="d1", name="Größere Tickets", task="single_label", num_examples=4, num_labels=2, content_hash="h", created_at=NOW
)
NAMES = replace(TICKETS, id="d2", name="names", task="token_classification")


def run_record(number: int, **differently: object) -> RunRecord:
    record = RunRecord(
        id=f"r{number}",
        name=f"try {number}",
        dataset_id="d1",
        task="single_label",
        model="bundled",
        recipe="automatic",
        state=RunState.QUEUED,
        created_at=NOW + timedelta(minutes=number),
    )
    return replace(record, **differently)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Three runs, the second of them on another data set, the third with tags and running."""
    store = Store(url)
    for dataset in (TICKETS, NAMES):
        store.add_dataset(dataset)
    store.add_run(run_record(1))
    store.add_run(run_record(2, dataset_id="d2", task="token_classification", model="/models/Larger"))
    store.add_run(run_record(3, tags=("week 47", "Baseline")))
    store.start_run("r3", events_offset=0)
    yield store
    store.close()


def ids(store: Store, limit: int = 10, **wanted: object) -> tuple[list[str], int]:
    found = store.lists.newest(RunFilter(**wanted), limit=limit)
    return [run.id for run in found.newest], found.num_fitting


def test_the_newest_come_first_and_all_that_fit_are_counted(store: Store) -> None:
    assert ids(store, limit=2) == (["r3", "r2"], 3)
    assert ids(store, limit=1, words=("try",)) == (["r3"], 3)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"states": frozenset({RunState.RUNNING})}, ["r3"]),
        ({"tasks": frozenset({"token_classification"})}, ["r2"]),
        ({"tags": frozenset({"Baseline"})}, ["r3"]),
        ({"tags": frozenset({"Baseline", "other"})}, []),
        ({"words": ("GRÖSSERE",)}, ["r3", "r1"]),
        ({"words": ("larger", "try")}, ["r2"]),
        ({"words": ("BASELINE", "47")}, ["r3"]),
        ({"words": ("%",)}, []),
        ({"words": ("try",), "states": frozenset({RunState.QUEUED}), "tasks": frozenset({"single_label"})}, ["r1"]),
    ],
)
def test_a_filter_lets_through_what_fits(store: Store, wanted: dict[str, object], expected: list[str]) -> None:
    assert ids(store, **wanted) == (expected, len(expected))


def test_what_is_found_is_the_whole_record(store: Store) -> None:
    (found,) = store.lists.newest(RunFilter(words=("week",)), limit=1).newest

    assert found == store.run("r3")


def test_the_overview_says_what_there_is(store: Store) -> None:
    overview = store.lists.overview()

    assert overview.by_state == {RunState.QUEUED: 2, RunState.RUNNING: 1}
    assert overview.num_runs == 3
    assert overview.tasks == {"single_label", "token_classification"}
    assert overview.tags == ("Baseline", "week 47")
    assert store.lists.num_of_datasets() == {"d1": 2, "d2": 1}


def test_long_lists_found_by_words_are_complete_and_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_queries, "_AT_ONCE", 4)
    for number in range(10, 22):
        store.add_run(run_record(number, name=f"many {number}"))

    found, count = ids(store, limit=11, words=("many",))

    assert count == 12
    assert found == [f"r{number}" for number in range(21, 10, -1)]


def test_what_belongs_to_others_is_in_no_list(store: Store) -> None:
    store.add_run(run_record(4, owner="ada", tags=("secret",)))
    grace = store.for_user("grace", sees_all=False)

    assert grace.lists.newest(limit=10).num_fitting == 0
    assert grace.lists.newest(RunFilter(words=("try",)), limit=10).num_fitting == 0
    assert grace.lists.overview().num_runs == 0
    assert grace.lists.overview().tags == ()
    assert grace.lists.num_of_datasets() == {}
    assert ids(store.for_user("ada", sees_all=False)) == (["r4"], 1)
