"""The web app that the tests look at: one each, unless they leave nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.hub import Hub, prepare_database


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that each test gets a copy of."""
    return prepare_database(tmp_path_factory.mktemp("prepared") / "hub.sqlite")


@pytest.fixture(scope="module")
def calm_hub(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Hub]:
    """One web app for a whole file, for tests that leave nothing behind."""
    served = Hub(tmp_path_factory.mktemp("calm"), prepared)
    with served.serve():
        yield served
    served.close()


@pytest.fixture
def hub(tmp_path: Path, prepared: Path) -> Iterator[Hub]:
    """A served web app with an empty ward."""
    served = Hub(tmp_path, prepared)
    with served.serve():
        yield served
    served.close()
