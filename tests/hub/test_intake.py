"""What ingest does with good and bad payloads, on a real database."""

import itertools
import os
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koffert_hub import registry, tables
from koffert_hub.ingest import Received
from koffert_hub.loans import EndReason
from koffert_hub.log_record import Event, Result
from koffert_hub.quarantine import requeue_through
from koffert_wire.errors import Reason
from koffert_wire.messages import Dropped, Hello
from koffert_wire.topics import Lane, up
from tests.hub.box import NOON_NS, SECOND_NS, Box
from tests.hub.kit import SIGNED, Store, sqlite_store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture


def test_a_transmission_is_stored_logged_and_receipted(store: Store) -> None:
    box = store.box()
    queued = box.queue()
    batch = store.take(queued)
    assert batch.answers["box-1"].stored == [queued.id]
    assert batch.answers["box-1"].retry_later == []
    assert store.bodies() == 1
    record = store.records()[-1]
    assert (record.event, record.result) == (Event.TRANSMISSION, Result.STORED)
    assert (record.transmission, record.loan) == (queued.id.hex(), box.loan)
    assert (batch.log_sequence, record.sequence) == (2, 2)
    assert store.alerts() == {}


def test_a_duplicate_is_receipted_again_and_stored_once(store: Store) -> None:
    box = store.box()
    queued = box.queue()
    assert store.take(queued, queued).answers["box-1"].stored == [queued.id, queued.id]
    assert store.take(queued).answers["box-1"].stored == [queued.id]
    assert store.bodies() == 1
    assert store.alerts() == {}


def test_the_log_holds_no_value(store: Store) -> None:
    box = store.box()
    store.take(box.queue([box.reading(spo2_pct=87.654321)]))
    assert not any("87.65" in str(record) for record in store.records())


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.lists(st.integers(0, 7), min_size=1, max_size=30), cuts=st.sets(st.integers(1, 29)))
def test_whatever_the_order_and_the_batches_each_is_stored_once(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: set[int]
) -> None:
    store = sqlite_store(tmp_path_factory.mktemp("store"))
    box = store.box()
    queued = [box.queue() for _ in range(8)]
    edges = sorted({0, len(order), *(cut for cut in cuts if cut < len(order))})
    for start, end in itertools.pairwise(edges):
        store.take(*(queued[index] for index in order[start:end]))
    assert store.bodies() == len(set(order))
    assert len(store.records()) == 1 + len(set(order))
    missing = set(range(max(order) + 1)) - set(order)
    assert store.status().on_their_way == len(missing)
    store.engine.dispose()


def test_a_wrong_mac_is_refused_alarmed_once_and_logged_once(store: Store) -> None:
    box = store.box()
    queued = box.queue()
    forged = Received(queued.topic, queued.payload(link_key=os.urandom(32)), NOON_NS)
    for _ in range(3):
        batch = store.take_raw(forged)
        assert batch.answers["box-1"].retry_later == [(queued.id, Reason.WRONG_MAC)]
    assert store.alerts() == {("box-1", "wrong-mac"): 3}
    assert [r.event for r in store.records()] == [Event.EPOCH, Event.REFUSAL]
    assert store.bodies() == 0
    assert store.take(queued).answers["box-1"].stored == [queued.id]


def test_a_key_that_is_not_here_is_refused(store: Store) -> None:
    box = store.box()
    box.hub_key = X25519PrivateKey.generate().public_key()
    queued = box.queue()
    answer = store.take(queued).answers["box-1"]
    assert answer.retry_later == [(queued.id, Reason.UNKNOWN_KEY)]
    assert store.alerts() == {("box-1", "unknown-key"): 1}


def test_an_unregistered_and_a_revoked_device_are_refused(store: Store) -> None:
    stranger = Box("stranger", store.sealing.public_key())
    batch = store.take(stranger.queue())
    assert "stranger" not in batch.link_keys
    box = store.box()
    with store.engine.begin() as connection:
        registry.revoke_device(connection, "box-1")
    queued = box.queue()
    assert store.take(queued).answers["box-1"].retry_later == [(queued.id, Reason.REVOKED)]
    assert store.alerts() == {("stranger", "unknown-device"): 1, ("box-1", "revoked-device"): 1}
    assert store.bodies() == 0


def test_a_damaged_body_is_quarantined_and_receipted(store: Store) -> None:
    box = store.box()
    queued = box.queue()
    sealed = queued.sealed.body
    damaged = queued.sealed._replace(body=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    queued.sealed = damaged
    assert store.take(queued).answers["box-1"].stored == [queued.id]
    assert store.take(queued).answers["box-1"].stored == [queued.id]
    assert store.status().quarantined == 1
    assert store.records()[-1].detail == Reason.DAMAGED_BODY
    assert store.bodies() == 0


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b"\xff" * 40, Reason.MALFORMED),
        (msgspec.msgpack.encode([99, b"", b"", b"", b""]), Reason.UNSUPPORTED_VERSION),
        (bytes(256 * 1024 + 1), Reason.OVERSIZE),
    ],
)
def test_an_unreadable_payload_is_kept_once_and_not_receipted(
    store: Store, payload: bytes, reason: Reason
) -> None:
    store.box()
    received = Received(up("box-1", Lane.VITALS), payload, NOON_NS)
    for _ in range(2):
        assert store.take_raw(received).answers == {}
    assert store.status().quarantined == 1
    assert store.records()[-1].detail == reason
    assert store.alerts() == {("box-1", "quarantined"): 1}


def test_a_header_of_another_device_or_lane_is_quarantined(store: Store) -> None:
    box = store.box()
    foreign = box.queue(device="box-2")
    other_lane = box.queue(lane=Lane.BULK)
    other_lane.topic = up("box-1", Lane.ALARM)
    batch = store.take(foreign, other_lane)
    assert batch.answers["box-1"].stored == [foreign.id, other_lane.id]
    assert store.status().quarantined == 2
    assert store.bodies() == 0


def test_readings_are_filed_by_loan_and_never_by_who_has_the_box_now(store: Store) -> None:
    box, other = store.box("box-1"), store.box("box-2")
    first_loan = box.loan
    assert first_loan is not None
    late = box.queue()
    with store.engine.begin() as connection:
        registry.end_loan(connection, first_loan, now_ms=NOON_NS // 1_000_000)
        patient = registry.create_patient(connection, store.centre, "Testpasient 2", now_ms=0)
        registry.start_loan(connection, patient, "box-1", rules=SIGNED, now_ms=NOON_NS // 1_000_000)
    store.take(late)
    assert store.records()[-1].loan == first_loan
    store.take(box.queue(loan=other.loan), box.queue(loan="l-unknown"), box.queue(loan=None))
    assert store.status().quarantined == 3
    assert store.bodies() == 1


def test_a_box_without_a_loan_may_speak_of_itself(store: Store) -> None:
    box = store.box(lent=False)
    store.take(box.queue([Hello(box.now(), "1.0", None, {})], Lane.ALARM))
    assert store.bodies() == 1
    assert store.records()[-1].patient is None


def test_the_quarantine_is_capped_for_each_device(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path, quarantine_per_device=2)
    box, other = store.box("box-1"), store.box("box-2")
    bad = [box.queue(loan="l-unknown") for _ in range(3)]
    answer = store.take(*bad).answers["box-1"]
    assert answer.stored == [bad[0].id, bad[1].id]
    assert answer.retry_later == [(bad[2].id, Reason.QUARANTINE_FULL)]
    assert store.take(other.queue(loan="l-unknown")).answers["box-2"].retry_later == []
    assert ("box-1", "quarantine-full") in store.alerts()
    store.engine.dispose()


def test_requeue_files_what_can_be_filed_now(store: Store) -> None:
    box = store.box(lent=False)
    box.loan = "l-later"
    queued = box.queue()
    store.take(queued)
    assert requeue_through(store.engine, store.intake, ()).still_held == 1
    with store.engine.begin() as connection:
        patient = registry.create_patient(connection, store.centre, "Testpasient 1", now_ms=0)
        loan = registry.start_loan(connection, patient, "box-1", rules=SIGNED, now_ms=0)
        renamed = tables.loan.update().where(tables.loan.c.id == loan).values(id="l-later")
        connection.execute(renamed)
    assert requeue_through(store.engine, store.intake, ()).stored == 1
    assert (store.bodies(), store.status().quarantined) == (1, 0)
    assert store.records()[-1].event is Event.REQUEUE
    store.take(queued)
    assert store.bodies() == 1


def test_requeue_after_a_withdrawal_keeps_nothing(store: Store) -> None:
    box = store.box(lent=False)
    box.loan = "l-later"
    store.take(box.queue())
    with store.engine.begin() as connection:
        patient = registry.create_patient(connection, store.centre, "Testpasient 1", now_ms=0)
        loan = registry.start_loan(connection, patient, "box-1", rules=SIGNED, now_ms=0)
        registry.end_loan(connection, loan, EndReason.WITHDRAWN, now_ms=1)
        renamed = tables.loan.update().where(tables.loan.c.id == loan).values(id="l-later")
        connection.execute(renamed)
    outcome = requeue_through(store.engine, store.intake, ())
    assert (outcome.stored, outcome.still_held, outcome.discarded) == (0, 0, 1)
    assert (store.bodies(), store.status().quarantined) == (0, 0)
    last = store.records()[-1]
    assert (last.event, last.result) == (Event.REQUEUE, Result.DISCARDED)


def test_a_cloned_outbox_is_stored_and_alarmed(store: Store) -> None:
    box = store.box()
    original, copy = box.queue(sequence=5), box.queue(sequence=5)
    assert store.take(original, copy).answers["box-1"].stored == [original.id, copy.id]
    assert store.bodies() == 2
    assert store.alerts() == {("box-1", "cloned-outbox"): 1}


def test_what_is_missing_is_on_its_way_dropped_or_lost(store: Store) -> None:
    box = store.box()
    queued = [box.queue() for _ in range(10)]
    store.take(queued[9])
    assert store.status().on_their_way == 9
    named = Dropped(box.now(), Lane.VITALS, 2, 4, 3, "disk-full")
    store.take(box.queue([named], Lane.ALARM))
    assert (store.status().on_their_way, store.status().dropped) == (6, 3)
    late = Received(queued[8].topic, queued[8].payload(lowest_queued={Lane.VITALS: 7}), NOON_NS)
    store.take_raw(late)
    status = store.status()
    assert (status.on_their_way, status.dropped, status.lost) == (1, 3, 4)
    assert store.alerts() == {("box-1", "lost-transmissions"): 4}
    store.take(queued[0], queued[7])
    assert (store.status().lost, store.status().on_their_way) == (3, 0)


@pytest.mark.parametrize("wrong_ns", [0, 2_524_608_000 * SECOND_NS])
def test_a_reading_dated_1970_or_2050_is_kept_and_corrected(store: Store, wrong_ns: int) -> None:
    box = store.box()
    box.wall_ns, box.trusted = wrong_ns, False
    queued = box.queue()
    box.wait(30)
    assert store.take(queued).answers["box-1"].stored == [queued.id]
    assert store.bodies() == 1
    assert store.alerts() == {("box-1", "wrong-clock"): 1}
