"""The log's chain against every kind of tampering, in the database itself."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.kit import NOON_MS, Store, rewrite, sqlite_store

from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.log_access import verify_connection
from koffert_hub.log_verify import Fault, FirstBad, Verification
from koffert_hub.transmission_log import SIGN_EVERY_MS, rows_after, sign_due_head

LOG = tables.transmission_log
RECORDS = 40
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(name="store")
def fixture_store(tmp_path: Path) -> Iterator[Store]:
    """A log of 40 records, signed after record 20 and at its end."""
    store = sqlite_store(tmp_path)
    box = store.box()
    store.take(*(box.queue() for _ in range(19)))
    signed = sign_due_head(store.engine, KEY, now_ms=NOON_MS, last=None)
    store.take(*(box.queue() for _ in range(20)))
    sign_due_head(store.engine, KEY, now_ms=NOON_MS + SIGN_EVERY_MS, last=signed)
    yield store
    store.engine.dispose()


def verified(store: Store) -> Verification:
    with reading(store.engine) as connection:
        return verify_connection(connection, [KEY.public_key()])


def change(store: Store, *statements: sa.Executable) -> None:
    with store.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def record_bytes(store: Store, sequence: int) -> bytes:
    with reading(store.engine) as connection:
        return next(rows_after(connection, sequence - 1)).record


def test_an_untouched_log_holds(store: Store) -> None:
    assert verified(store) == Verification(RECORDS, 2, ok=True)


def flip(store: Store) -> None:
    record = bytearray(record_bytes(store, 7))
    record[len(record) // 2] ^= 1
    change(store, LOG.update().where(LOG.c.sequence == 7).values(record=bytes(record)))


def drop(store: Store) -> None:
    change(store, LOG.delete().where(LOG.c.sequence == 7))


def reorder(store: Store) -> None:
    seventh, eighth = record_bytes(store, 7), record_bytes(store, 8)
    change(
        store,
        LOG.update().where(LOG.c.sequence == 7).values(record=eighth),
        LOG.update().where(LOG.c.sequence == 8).values(record=seventh),
    )


def drop_and_close_the_gap(store: Store) -> None:
    change(
        store,
        LOG.delete().where(LOG.c.sequence == 7),
        LOG.update().where(LOG.c.sequence > 7).values(sequence=-LOG.c.sequence),
        LOG.update().where(LOG.c.sequence < 0).values(sequence=-LOG.c.sequence - 1),
    )


def insert(store: Store) -> None:
    extra = record_bytes(store, 7)
    change(
        store,
        LOG.update().where(LOG.c.sequence >= 7).values(sequence=-LOG.c.sequence),
        LOG.update().where(LOG.c.sequence < 0).values(sequence=-LOG.c.sequence + 1),
        LOG.insert().values(sequence=7, record=extra, head=os.urandom(32), at_ms=0),
    )


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (flip, Fault.BROKEN_CHAIN),
        (drop, Fault.MISSING),
        (reorder, Fault.BROKEN_CHAIN),
        (drop_and_close_the_gap, Fault.BROKEN_CHAIN),
        (insert, Fault.BROKEN_CHAIN),
    ],
)
def test_tampering_is_found_at_the_record(
    store: Store, tamper: Callable[[Store], None], fault: Fault
) -> None:
    tamper(store)
    assert verified(store) == Verification(6, 0, ok=False, first_bad=FirstBad(7, fault))


def test_a_cut_tail_is_found_even_when_the_counter_was_set_back(store: Store) -> None:
    with reading(store.engine) as connection:
        head = next(rows_after(connection, 29)).head
    cut = LOG.delete().where(LOG.c.sequence > 30)
    change(store, cut)
    assert verified(store).first_bad == FirstBad(31, Fault.MISSING)
    change(store, tables.log_state.update().values(sequence=30, head=head))
    assert verified(store).first_bad == FirstBad(31, Fault.MISSING)


def test_a_rewritten_log_contradicts_its_signed_heads(store: Store) -> None:
    rewrite(store, 7)
    found = verified(store)
    assert (found.ok, found.first_bad) == (False, FirstBad(20, Fault.CONTRADICTS_SIGNED_HEAD))


def test_a_head_signed_by_another_key_is_not_believed(store: Store) -> None:
    rewrite(store, 30)
    change(store, tables.signed_head.delete().where(tables.signed_head.c.sequence == RECORDS))
    sign_due_head(store.engine, Ed25519PrivateKey.generate(), now_ms=NOON_MS, last=None)
    assert verified(store).first_bad == FirstBad(RECORDS, Fault.BAD_SIGNATURE)
