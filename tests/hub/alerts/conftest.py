"""The ward that the tests of alerts at the hub share."""

import pytest

from tests.hub.alerts.ward_kit import Ward
from tests.hub.kit import Store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture


@pytest.fixture(name="ward")
def fixture_ward(store: Store) -> Ward:
    """On each database: rows, locks and transactions differ."""
    return Ward(store)
