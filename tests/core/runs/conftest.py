"""The databases a catalogue can be in: SQLite always, PostgreSQL where it is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgresql

SERVERS = ["sqlite", *(["postgresql"] if postgresql.programs() else [])]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.PostgreSQL]:
    """A server for the whole session."""
    server = postgresql.PostgreSQL()
    yield server
    server.end()


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty catalogue can be made."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tuneboard.db'}"
    return request.getfixturevalue("postgresql_server").new_database()
