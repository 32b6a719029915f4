"""The database: what it stores, finds, renames, deletes and refuses."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone

import pytest

from core.errors import DatasetError, NotFoundError, RunError
from core.runs.store.store import Store
from tests.core.runs.made_records import DATASET, NOW, RUN


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
