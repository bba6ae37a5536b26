"""The log's chain against every kind of tampering, in the database itself."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.ingest import Received
from koffert_hub.log_access import verify_export, verify_whole
from koffert_hub.log_export import UnreadableExport, json_lines, read_export, span, write_csv
from koffert_hub.log_record import Event
from koffert_hub.log_search import Query, search
from koffert_hub.log_verify import Fault, FirstBad, LogRow, Verification
from koffert_hub.transmission_log import SIGN_EVERY_MS, rows_after, sign_due_head
from tests.hub.box import NOON_NS
from tests.hub.kit import NOON_MS, Store, rewrite, sqlite_store

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


def verified(store: Store, copy: Iterable[LogRow] = ()) -> Verification:
    with reading(store.engine) as connection:
        return verify_whole(connection, [KEY.public_key()], copy=copy)


def change(store: Store, *statements: sa.Executable) -> None:
    with store.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def record_bytes(store: Store, sequence: int) -> bytes:
    with reading(store.engine) as connection:
        return next(rows_after(connection, sequence - 1)).record


def test_an_untouched_log_holds(store: Store) -> None:
    assert verified(store) == Verification(RECORDS, 2, ok=True, signed_to=RECORDS)


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
    """What is searched by still says what the record said; once that is altered too, only signatures and copies tell."""
    with reading(store.engine) as connection:
        copy = list(rows_after(connection, 0))
    rewrite(store.engine, 7)
    assert verified(store).first_bad == FirstBad(7, Fault.DEVICE_COLUMN)
    change(store, LOG.update().where(LOG.c.sequence == 7).values(device="other"))
    contradicted = FirstBad(20, Fault.CONTRADICTS_SIGNED_HEAD, after=0)
    assert verified(store) == Verification(0, 0, ok=False, first_bad=contradicted)
    differs = FirstBad(7, Fault.DIFFERS_FROM_COPY)
    assert verified(store, copy) == Verification(6, 0, ok=False, first_bad=differs)


def test_a_log_that_was_set_back_lacks_what_the_copy_holds(store: Store) -> None:
    with reading(store.engine) as connection:
        copy = list(rows_after(connection, 0))
    for table in (LOG.delete().where(LOG.c.sequence > 30), tables.signed_head.delete()):
        change(store, table)
    for cut in (tables.body, tables.transmission):
        change(store, cut.delete().where(cut.c.log_sequence > 30))
    change(store, tables.log_state.update().values(sequence=30, head=copy[29].head))
    assert verified(store).ok
    assert verified(store, copy).first_bad == FirstBad(31, Fault.MISSING)


def test_a_head_signed_by_another_key_proves_nothing(store: Store) -> None:
    rewrite(store.engine, 30)
    change(store, LOG.update().where(LOG.c.sequence == 30).values(device="other"))
    change(store, tables.signed_head.delete().where(tables.signed_head.c.sequence == RECORDS))
    sign_due_head(store.engine, Ed25519PrivateKey.generate(), now_ms=NOON_MS, last=None)
    assert verified(store) == Verification(RECORDS, 1, ok=True, unchecked_heads=1, signed_to=20)


def test_a_forged_signature_is_found(store: Store) -> None:
    head = tables.signed_head
    change(store, head.update().where(head.c.sequence == 20).values(signature=bytes(64)))
    assert verified(store).first_bad == FirstBad(20, Fault.BAD_SIGNATURE)


def test_an_export_verifies_by_itself(store: Store) -> None:
    with reading(store.engine) as connection:
        lines = list(json_lines(connection, span(connection, None, None)))
    outcome = verify_export(read_export(lines), [KEY.public_key()])
    assert outcome == Verification(RECORDS, 2, ok=True, signed_to=RECORDS)
    changed = [line.replace(b"box-1", b"box-2") if n == 7 else line for n, line in enumerate(lines)]
    assert verify_export(read_export(changed), []).first_bad == FirstBad(7, Fault.BROKEN_CHAIN)
    dropped = lines[:7] + lines[8:]
    assert verify_export(read_export(dropped), []).first_bad == FirstBad(7, Fault.MISSING)
    cut = [line for line in lines if b'"sequence":40' not in line or b"signed" in line]
    assert verify_export(read_export(cut), [KEY.public_key()]).first_bad == FirstBad(
        40, Fault.MISSING
    )


def test_a_days_export_starts_where_the_day_starts(store: Store) -> None:
    box = store.box("box-2")
    store.intake.take(
        [Received(q.topic, q.payload(), NOON_NS) for q in (box.queue(), box.queue())],
        now_ms=NOON_MS + 86_400_000,
    )
    with reading(store.engine) as connection:
        day = span(connection, NOON_MS + 1, None)
        export = read_export(json_lines(connection, day))
        assert [row.sequence for row in export.rows] == [41, 42]
        assert verify_export(export, []).ok
        before = read_export(json_lines(connection, span(connection, None, NOON_MS + 1)))
        assert len(before.rows) == RECORDS
        assert read_export(json_lines(connection, span(connection, 2 * NOON_MS, None))).rows == []


def test_what_is_no_export_is_an_error() -> None:
    for lines in ([], [b"{}\n"], [b'{"export":"other","after":0,"head":""}\n'], [b"\xff"]):
        with pytest.raises(UnreadableExport):
            read_export(lines)


def test_a_csv_has_one_line_for_each_record(store: Store) -> None:
    text = io.StringIO()
    with reading(store.engine) as connection:
        write_csv(connection, span(connection, None, None), text)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [int(row["sequence"]) for row in rows] == list(range(1, RECORDS + 1))
    assert rows[5]["device"] == "box-1"


def test_search_finds_by_device_loan_and_time(store: Store) -> None:
    other = store.box("box-2")
    queued = other.queue()
    store.take(queued)
    with reading(store.engine) as connection:
        by_device = list(search(connection, Query(device="box-2"), 10))
        assert [record.transmission for record in by_device] == [queued.id.hex()]
        assert list(search(connection, Query(loan=other.loan), 10)) == by_device
        assert list(search(connection, Query(transmission=queued.id.hex()), 10)) == by_device
        assert len(list(search(connection, Query(device="box-1"), 5))) == 5
        assert list(search(connection, Query(from_ms=NOON_MS + 1), 5)) == []
        assert [r.sequence for r in search(connection, Query(event=Event.EPOCH), 9)] == [1]
