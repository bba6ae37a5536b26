"""One web app per test: sessions, limits and the feed are never shared."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.hub import Hub, prepare_database


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that each test gets a copy of."""
    return prepare_database(tmp_path_factory.mktemp("prepared") / "hub.sqlite")


@pytest.fixture
def hub(tmp_path: Path, prepared: Path) -> Iterator[Hub]:
    """A served web app with an empty ward."""
    served = Hub(tmp_path, prepared)
    with served.serve():
        yield served
    served.close()
