"""What lies beside the log's records, altered while every record, hash and signature still holds: named all the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.database import reading
from koffert_hub.erasure import erase_patient
from koffert_hub.log_access import verify_connection, verify_whole
from koffert_hub.log_beside import false_beside
from koffert_hub.log_verify import Fault, FirstBad
from koffert_hub.quarantine import requeue_through
from koffert_hub.transmission_log import open_epoch
from tests.hub.kit import NOON_MS, SIGNED, NoSeries, Store, sqlite_store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture

LOG, BODY, HELD = tables.transmission_log, tables.body, tables.quarantine
# Record 1 begins the epoch, 2 to 11 are stored, 12 is in quarantine (one of a loan that nobody knows).
STORED, QUARANTINED = 7, 12


@pytest.fixture(name="embedded")
def fixture_embedded(tmp_path: Path) -> Iterator[Store]:
    """For what is not about the database."""
    store = sqlite_store(tmp_path)
    yield store
    store.engine.dispose()


def filled(store: Store) -> None:
    box = store.box()
    store.take(*(box.queue() for _ in range(10)))
    store.take(box.queue(loan="l-unknown"))


def first_bad(connection: sa.Connection) -> FirstBad | None:
    assert verify_connection(connection, []).ok, "the chain itself must hold"
    return verify_whole(connection, []).first_bad


def at(table: sa.Table, sequence: int) -> sa.ColumnElement[bool]:
    number = "sequence" if table is LOG else "log_sequence"
    return table.c[number] == sequence


def changed(table: sa.Table, sequence: int, **values: object) -> sa.Executable:
    return table.update().where(at(table, sequence)).values(**values)


ALTERED = [
    (changed(LOG, STORED, at_ms=NOON_MS - 86_400_000), STORED, Fault.TIME_COLUMN),
    (changed(LOG, STORED, device="box-2"), STORED, Fault.DEVICE_COLUMN),
    (changed(LOG, 1, device="box-2"), 1, Fault.DEVICE_COLUMN),
    (changed(BODY, STORED, messages=b"\x90"), STORED, Fault.BODY_CHANGED),
    (changed(BODY, STORED, header=b"\x90"), STORED, Fault.BODY_CHANGED),
    (changed(BODY, STORED, salt=bytes(16)), STORED, Fault.BODY_CHANGED),
    (changed(BODY, STORED, time_basis=b"\x94\x00\x00\xc2\x00"), STORED, Fault.BODY_CHANGED),
    (changed(BODY, STORED, patient="p-other"), STORED, Fault.BODY_OF_ANOTHER),
    (changed(BODY, STORED, loan=None), STORED, Fault.BODY_OF_ANOTHER),
    (BODY.delete().where(at(BODY, STORED)), STORED, Fault.BODY_MISSING),
    (changed(BODY, STORED, log_sequence=1), 1, Fault.BODY_NOT_LOGGED),
    (changed(BODY, 11, log_sequence=40), 11, Fault.BODY_MISSING),
    (changed(HELD, QUARANTINED, payload=b"x"), QUARANTINED, Fault.BODY_CHANGED),
    (changed(HELD, QUARANTINED, device="box-2"), QUARANTINED, Fault.BODY_OF_ANOTHER),
    (changed(HELD, QUARANTINED, payload=b"", requeued_ms=1), QUARANTINED, Fault.BODY_MISSING),
    (HELD.delete(), QUARANTINED, Fault.BODY_MISSING),
]


def test_each_alteration_beside_the_log_is_named(store: Store) -> None:
    filled(store)
    with reading(store.engine) as connection:
        assert first_bad(connection) is None
    for statement, sequence, fault in ALTERED:
        with store.engine.connect() as connection:
            connection.execute(statement)
            assert first_bad(connection) == FirstBad(sequence, fault), str(statement)
            assert false_beside(connection, sequence) is fault, str(statement)
            assert false_beside(connection, 2) is None
            connection.rollback()


def test_a_body_that_nobody_sent_is_named(embedded: Store) -> None:
    filled(embedded)
    with embedded.engine.connect() as connection:
        row = connection.execute(sa.select(BODY).where(at(BODY, STORED))).one()
        connection.execute(BODY.insert().values(row._asdict() | {"log_sequence": 13}))
        assert first_bad(connection) == FirstBad(13, Fault.BODY_NOT_LOGGED)
        connection.rollback()


def test_the_first_of_two_is_named(embedded: Store) -> None:
    filled(embedded)
    with embedded.engine.connect() as connection:
        connection.execute(changed(LOG, 9, device="box-2"))
        connection.execute(BODY.delete().where(at(BODY, 5)))
        assert first_bad(connection) == FirstBad(5, Fault.BODY_MISSING)
        connection.execute(changed(LOG, 3, device="box-2"))
        assert first_bad(connection) == FirstBad(3, Fault.DEVICE_COLUMN)
        connection.rollback()


def test_what_the_log_tells_of_may_be_gone(store: Store) -> None:
    """Erased, with what was held of that box; another's body that goes with them is named."""
    filled(store)
    other = store.box("box-2")
    store.take(*(other.queue() for _ in range(3)))
    with reading(store.engine) as connection:
        patient = registry.loans(connection, [str(other.loan)])[str(other.loan)].patient
        first = store.records()[STORED - 1].patient
    with store.engine.begin() as connection:
        for loan in registry.loans(connection, [record.loan or "" for record in store.records()]):
            registry.end_loan(connection, loan, now_ms=NOON_MS)
    assert first is not None
    erase_patient(store.engine, NoSeries(), first, now_ms=NOON_MS)
    with reading(store.engine) as connection:
        assert first_bad(connection) is None
    with store.engine.connect() as connection:
        connection.execute(BODY.delete().where(BODY.c.patient == patient))
        assert first_bad(connection) == FirstBad(13, Fault.BODY_MISSING)
        connection.rollback()


def test_taken_out_of_quarantine_it_is_not_gone(embedded: Store) -> None:
    box = embedded.box()
    queued = box.queue(loan="l-later")
    embedded.take(queued)
    with embedded.engine.begin() as connection:
        patient = registry.create_patient(
            connection, embedded.centre, "Testpasient 2", now_ms=NOON_MS
        )
        registry.create_device(
            connection, "box-2", os.urandom(32), centre=embedded.centre, now_ms=0
        )
        loan = registry.start_loan(connection, patient, "box-2", rules=SIGNED, now_ms=NOON_MS)
        moved = {"id": "l-later", "device": "box-1"}
        connection.execute(tables.loan.update().where(tables.loan.c.id == loan).values(moved))
    assert requeue_through(embedded.engine, embedded.intake, ()).stored == 1
    with reading(embedded.engine) as connection:
        assert first_bad(connection) is None


def test_a_restore_tells_from_where_on_bodies_are_gone(embedded: Store) -> None:
    """Said in the log itself: whoever deletes more than that is found."""
    filled(embedded)
    with embedded.engine.begin() as connection:
        connection.execute(BODY.delete().where(BODY.c.log_sequence > 9))
        connection.execute(HELD.delete())
        open_epoch(connection, os.urandom(16), now_ms=NOON_MS, complete_to=9, bodies_to=9)
    with reading(embedded.engine) as connection:
        assert first_bad(connection) is None
    with embedded.engine.connect() as connection:
        connection.execute(BODY.delete().where(at(BODY, 9)))
        assert first_bad(connection) == FirstBad(9, Fault.BODY_MISSING)
        connection.rollback()
