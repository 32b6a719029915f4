"""The databases to test with: SQLite always, PostgreSQL if it is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.store.store import Store
from tests import postgresql
from tests.core.runs.made_records import DATASET

SERVERS = ["sqlite", *(["postgresql"] if postgresql.programs() else [])]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.PostgreSQL]:
    """A server for the whole session."""
    server = postgresql.PostgreSQL()
    yield server
    server.end()


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL where an empty database can be created."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tuneboard.db'}"
    return request.getfixturevalue("postgresql_server").new_database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    store.add_dataset(DATASET)
    yield store
    store.close()
