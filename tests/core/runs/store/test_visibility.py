"""What one person sees and may change in a database that several share."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.errors import NotFoundError
from core.runs.store.store import Store
from tests.core.runs.made_records import DATASET, RUN


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


def test_what_an_administrator_enters_for_somebody_is_named_among_that_persons_own(store: Store) -> None:
    root, ada = store.for_user("root", sees_all=True), store.for_user("ada", sees_all=False)
    root.add_dataset(replace(DATASET, id="d-root", name="mail v2"))
    ada.add_dataset(replace(DATASET, id="d-ada", name="letters v2"))

    hers = root.add_dataset(replace(DATASET, id="d-5", name="mail v2", owner="ada"))
    taken = root.add_dataset(replace(DATASET, id="d-6", name="letters v2", owner="ada"))

    assert (hers.name, hers.owner) == ("mail v2", "ada"), "no needless number: root's own is none of her business"
    assert (taken.name, taken.owner) == ("letters v2 (2)", "ada"), "never two of one name"
