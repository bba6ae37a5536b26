"""The hub's book against the pure engine: whatever the order of arrival, the same alerts stand."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from koffert_hub import registry
from koffert_hub.alerts.book import Book
from koffert_hub.alerts.engine import evaluate
from koffert_hub.alerts.history import replay
from koffert_hub.alerts.records import NO_DATA, Patient, Reading
from koffert_hub.alerts.register import open_rows, rows_of_loan
from koffert_hub.database import reading as open_reading
from tests.hub.alerts.kit import case, rules
from tests.hub.alerts.test_properties import MINUTE_MS, stories
from tests.hub.kit import Store, sqlite_store

Key = tuple[int, str, str, str]


@pytest.fixture(name="store")
def fixture_store(tmp_path: Path) -> Iterator[Store]:
    store = sqlite_store(tmp_path)
    yield store
    store.engine.dispose()


_boxes = itertools.count()


def lent(store: Store) -> registry.Loan:
    """A new patient with a new box."""
    box = store.box(f"box-{next(_boxes)}")
    assert box.loan is not None
    with open_reading(store.engine) as connection:
        return registry.loans(connection, [box.loan])[box.loan]


def arrive(store: Store, loan: registry.Loan, readings: list[Reading]) -> int:
    """Take everything in by arrival, the clock ticking in between; returns the time at the end."""
    book, now_ms = Book(rules()), 0
    in_order = sorted(readings, key=lambda one: (one.arrived_ms, one.measured_ms, one.id))
    for arrived_ms, batch in itertools.groupby(in_order, key=lambda one: one.arrived_ms):
        now_ms = arrived_ms
        with store.engine.begin() as connection:
            book.tick(connection, now_ms=now_ms)
            book.take(connection, loan, batch, now_ms=now_ms)
    now_ms += 30 * 24 * 60 * MINUTE_MS
    with store.engine.begin() as connection:
        book.tick(connection, now_ms=now_ms)
    return now_ms


@given(readings=stories)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_same_alerts_stand_as_in_the_engine(store: Store, readings: list[Reading]) -> None:
    loan = lent(store)
    now_ms = arrive(store, loan, readings)
    expected = evaluate(case(Patient()), readings)
    with open_reading(store.engine) as connection:
        rows = rows_of_loan(connection, loan.id)
        again = replay(connection, rules(), loan.patient, since_ms=0, until_ms=now_ms)
        still_open = [row for row in open_rows(connection) if row.loan == loan.id]
    kept = [row.alert for row in rows if not row.alert.revised and row.alert.cause != NO_DATA]
    keys: list[list[Key]] = [
        sorted((one.raised_ms, one.cause, one.priority, one.text_nb) for one in alerts)
        for alerts in (kept, expected, again)
    ]
    assert keys[0] == keys[1] == keys[2]
    causes = [row.alert.cause for row in still_open]
    assert len(causes) == len(set(causes))
