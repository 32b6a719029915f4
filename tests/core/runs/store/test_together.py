"""Several users of one database do not disturb each other, and a database that cannot be opened is reported."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import RunError, UserError
from core.runs.store.store import Store
from tests.core.runs.made_records import RUN


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
    """Another process that locks the database; how to do so differs between SQLite and PostgreSQL."""
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
