"""Real stores for the hub's tests."""

from collections.abc import Iterator

import pytest

from tests.support.influx import Influx, running_influx
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run; each test takes a database of its own."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """One InfluxDB for the whole run; each test takes a bucket of its own."""
    with running_influx(tmp_path_factory.mktemp("influx")) as server:
        yield server
