"""A store on each database that the hub supports: what one passes, the other must pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.kit import Store, sqlite_store
from tests.support.postgres import Postgres


@pytest.fixture(name="store", params=["sqlite", "postgresql"])
def store_on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        store = sqlite_store(tmp_path)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        store = Store(server.new_database())
    yield store
    store.engine.dispose()
