"""The outbox's rules: contiguous sequences, nothing lost, drops named, room made in the right order."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from koffert_agent.outbox import schema
from koffert_agent.outbox.records import (
    Draft,
    Drop,
    DropReason,
    OutboxError,
    OutboxReason,
    Quota,
    Row,
)
from koffert_agent.outbox.schema import MIGRATIONS
from koffert_agent.outbox.store import OutboxStore
from koffert_wire.downlink import Receipt
from koffert_wire.envelope import Sealed
from koffert_wire.messages import encode_messages
from koffert_wire.topics import Lane
from tests.device_agent.support import ManualClock, make_reading, make_sealer

ROOMY = Quota(64 * 1024 * 1024, 1024 * 1024)
TIGHT = Quota(64 * 1024, 8 * 1024)
EPOCH, NEXT_EPOCH = b"1" * 16, b"2" * 16
ROW_EXTRA_BYTES = 256
EVERYTHING = 2**62


def draft(lane: Lane, size_bytes: int = 100) -> Draft:
    transmission = os.urandom(16)
    return Draft(
        transmission,
        lane,
        size_bytes + ROW_EXTRA_BYTES,
        lambda outbox, sequence: Sealed(outbox + b"%d" % sequence, bytes(size_bytes)),
    )


def report(drop: Drop) -> Draft:
    """A report whose body the test can read."""
    body = msgspec.msgpack.encode(drop)
    return Draft(os.urandom(16), Lane.VITALS, 512, lambda *_: Sealed(b"report", body))


def receipt(ids: Iterable[bytes], epoch: bytes = EPOCH, log_sequence: int = 1) -> Receipt:
    """The hub's word that it has these."""
    return Receipt(epoch, log_sequence, bytes(32), tuple(ids))


def drops(store: OutboxStore) -> list[Drop]:
    rows = store.queued(Lane.VITALS, 0, EVERYTHING, 10_000).rows
    reports = [row.sealed.body for row in rows if row.sealed.header == b"report"]
    return [msgspec.msgpack.decode(body, type=Drop) for body in reports]


def queued(store: OutboxStore, lane: Lane) -> list[Row]:
    return store.queued(lane, 0, EVERYTHING, 10_000).rows


@pytest.fixture
def store(tmp_path: Path) -> OutboxStore:
    return OutboxStore(tmp_path / "o.sqlite3", ROOMY, report)


class OutboxMachine(RuleBasedStateMachine):
    """Any order of appends, receipts, restarts, epochs and tidying, against a model of sets."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "o.sqlite3"
        self.store = OutboxStore(self.path, ROOMY, report)
        self.outbox_id = self.store.outbox_id
        self.queued: dict[bytes, tuple[Lane, int]] = {}
        self.released: dict[bytes, tuple[Lane, int, bytes, int]] = {}
        self.next = dict.fromkeys(Lane, 0)
        self.log = 0
        self.age_ns = 0

    @rule(lanes=st.lists(st.sampled_from(Lane), min_size=1, max_size=6))
    def append(self, lanes: list[Lane]) -> None:
        drafts = [draft(lane) for lane in lanes]
        rows = self.store.append(drafts)
        assert [row.id for row in rows] == [each.id for each in drafts]
        for row in rows:
            assert row.sequence == self.next[row.lane]
            self.next[row.lane] += 1
            self.queued[row.id] = (row.lane, row.sequence)

    @rule(data=st.data(), epoch=st.sampled_from([EPOCH, NEXT_EPOCH]))
    def release(self, data: st.DataObject, epoch: bytes) -> None:
        known = sorted(self.queued) + sorted(self.released) + [b"unknown" + bytes(9)]
        ids = data.draw(st.lists(st.sampled_from(known), unique=True))
        self.log += 1
        numbers = self.store.release([receipt(ids, epoch, self.log)])
        newly = [each for each in ids if each in self.queued]
        assert len(numbers) == len(newly)
        for each in newly:
            lane, sequence = self.queued.pop(each)
            self.released[each] = (lane, sequence, epoch, self.log)

    @rule(epoch=st.sampled_from([EPOCH, NEXT_EPOCH]), after=st.integers(0, 20))
    def meet_hub(self, epoch: bytes, after: int) -> None:
        known = self.store.hub_epoch
        expected = {
            each: (lane, sequence)
            for each, (lane, sequence, old, log) in self.released.items()
            if epoch not in {known, old} and log > after
        }
        assert self.store.enter_epoch(epoch, after) == len(expected)
        self.queued |= expected
        for each in expected:
            del self.released[each]

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = OutboxStore(self.path, ROOMY, report)
        assert self.store.outbox_id == self.outbox_id

    @rule(days=st.integers(1, 4))
    def tidy(self, days: int) -> None:
        """Nothing is forgotten before its seven days; the age moves on in running time alone."""
        self.age_ns += days
        self.store.tidy(self.age_ns, keep_released_ns=10**9)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        counts, lowest = self.store.count(), self.store.lowest_queued()
        for lane in Lane:
            mine = sorted(s for of, s in self.queued.values() if of is lane)
            rows = queued(self.store, lane)
            assert [row.sequence for row in rows] == mine
            assert lowest[lane] == (mine[0] if mine else self.next[lane])
            assert counts[lane].queued == len(mine)
            assert counts[lane].released == sum(r[0] is lane for r in self.released.values())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


OutboxMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase


def test_a_full_outbox_gives_up_released_rows_first_and_says_nothing(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "o.sqlite3", TIGHT, report)
    rows = store.append([draft(Lane.BULK, 1000) for _ in range(30)])
    store.release([receipt([row.id for row in rows])])
    for _ in range(30):
        assert store.append([draft(Lane.BULK, 1000)])
    assert not drops(store)
    assert store.count()[Lane.BULK].queued == 30


def test_what_was_receipted_is_forgotten_in_the_order_of_what_matters(tmp_path: Path) -> None:
    """A hub restored from a backup asks for receipted rows: waveforms are the first that it misses, calls the last."""
    store = OutboxStore(tmp_path / "o.sqlite3", TIGHT, report)
    for lane in (Lane.ALARM, Lane.VITALS, Lane.BULK):
        rows = store.append([draft(lane, 300) for _ in range(20)])
        store.release([receipt([row.id for row in rows])])
    order: list[Lane] = []
    while len(order) < len(Lane):
        store.append([draft(Lane.VITALS, 300)])
        released = {lane: count.released for lane, count in store.count().items()}
        order += [lane for lane, left in released.items() if left < 20 and lane not in order]
        for lane in order[:-1]:
            assert released[lane] == 0, order
    assert order == [Lane.BULK, Lane.VITALS, Lane.ALARM]
    assert not drops(store)


def test_a_full_outbox_gives_up_the_oldest_waveforms_and_names_them(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "o.sqlite3", TIGHT, report)
    vitals = {store.append([draft(Lane.VITALS, 100)])[0].sequence for _ in range(10)}
    for _ in range(100):
        assert store.append([draft(Lane.BULK, 1000)])
    kept = [row.sequence for row in queued(store, Lane.BULK)]
    assert kept == list(range(kept[0], 100))
    named = [s for d in drops(store) for s in range(d.first_sequence, d.last_sequence + 1)]
    assert named == list(range(kept[0]))
    assert {drop.lane for drop in drops(store)} == {Lane.BULK}
    assert store.count()[Lane.BULK].dropped == len(named)
    assert vitals <= {row.sequence for row in queued(store, Lane.VITALS)}


def test_vitals_are_never_given_up_and_alarms_have_room_of_their_own(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "o.sqlite3", TIGHT, report)
    accepted = 0
    while store.append([draft(Lane.VITALS, 400)]):
        accepted += 1
    assert store.append([draft(Lane.BULK, 400)]) == []
    for _ in range(5):
        assert store.append([draft(Lane.ALARM, 400)])
    assert store.count()[Lane.VITALS].queued == accepted
    assert store.count()[Lane.VITALS].dropped == 1
    assert store.count()[Lane.BULK].dropped == 1


def test_what_was_refused_is_named_once_there_is_room(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "o.sqlite3", TIGHT, report)
    while rows := store.append([draft(Lane.VITALS, 400)]):
        last = rows[0].sequence
    assert store.append([draft(Lane.VITALS, 400)]) == []
    store.release([receipt([row.id for row in queued(store, Lane.VITALS)])])
    (after,) = store.append([draft(Lane.VITALS, 400)])
    (drop,) = drops(store)
    assert drop == Drop(Lane.VITALS, last + 1, last + 2, 2, DropReason.FULL)
    assert after.sequence > drop.last_sequence


def test_a_damaged_row_is_set_aside_and_named(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite3"
    store = OutboxStore(path, ROOMY, report)
    rows = store.append([draft(Lane.VITALS) for _ in range(3)])
    store.close()
    raw = apsw.Connection(str(path))
    raw.execute("UPDATE transmission SET body = x'00' WHERE number = ?", (rows[1].number,))
    raw.close()
    store = OutboxStore(path, ROOMY, report)
    assert [row.id for row in queued(store, Lane.VITALS)][:2] == [rows[0].id, rows[2].id]
    assert drops(store) == [
        Drop(Lane.VITALS, rows[1].sequence, rows[1].sequence, 1, DropReason.DAMAGED)
    ]
    assert store.count()[Lane.VITALS].damaged == 1
    assert store.append([draft(Lane.VITALS)])


def test_a_page_that_cannot_be_read_costs_its_rows_and_no_others(tmp_path: Path) -> None:
    """Overwrite one leaf page on the disk, as a dying card does."""
    path = tmp_path / "o.sqlite3"
    store = OutboxStore(path, ROOMY, report)
    rows = store.append([draft(Lane.VITALS, 900) for _ in range(200)])
    store.close()
    with path.open("r+b") as file:
        content = file.read()
        page = content.index(rows[100].sealed.header + bytes(900)) // 4096
        file.seek(page * 4096)
        file.write(os.urandom(4096))
    store = OutboxStore(path, ROOMY, report)
    alive = {row.id for row in queued(store, Lane.VITALS)} & {row.id for row in rows}
    assert 190 <= len(alive) < 200
    lost = {row.sequence for row in rows if row.id not in alive}
    assert {drop.first_sequence for drop in drops(store)} == lost
    assert store.append([draft(Lane.ALARM)])


def test_space_is_given_back_after_the_drain(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite3"
    store = OutboxStore(path, ROOMY, report)
    rows = store.append([draft(Lane.BULK, 4000) for _ in range(2000)])
    store.release([receipt([row.id for row in rows])])
    store.tidy(2, keep_released_ns=1)
    for _ in range(10):
        store.tidy(3, keep_released_ns=1)
    store.close()
    assert path.stat().st_size < 512 * 1024


def test_a_second_agent_cannot_open_the_same_outbox(tmp_path: Path, store: OutboxStore) -> None:
    assert store.outbox_id
    with pytest.raises(OutboxError) as error:
        OutboxStore(tmp_path / "o.sqlite3", ROOMY, report)
    assert error.value.reason is OutboxReason.BUSY


def test_an_outbox_that_does_not_read_back_as_durable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutboxError) as error:
        OutboxStore(tmp_path / "o.sqlite3", ROOMY, report, vfs="memdb")
    assert error.value.reason is OutboxReason.UNSAFE


def test_the_card_holds_no_readable_value(tmp_path: Path) -> None:
    clock = ManualClock()
    sealer, reading = make_sealer(clock), make_reading(clock)
    words = [b"spo2_pct", b"contec-v7", reading.id]
    assert all(word in encode_messages([reading]) for word in words)
    store = OutboxStore(tmp_path / "o.sqlite3", ROOMY, sealer.report)
    (row,) = store.append([sealer.draft(Lane.VITALS, [reading])])
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert row.id in written
    assert not any(word in written for word in words)
    store.close()


def test_an_outbox_of_older_software_is_brought_up_to_date_with_all_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "o.sqlite3"
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS[:1])
    older = OutboxStore(path, ROOMY, report)
    rows = older.append([draft(lane) for lane in Lane for _ in range(5)])
    older.release([receipt([rows[0].id])])
    older.close()
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS)
    newer = OutboxStore(path, ROOMY, report)
    assert newer.outbox_id == older.outbox_id
    assert [row.id for lane in Lane for row in queued(newer, lane)] == [row.id for row in rows[1:]]
    assert newer.enter_epoch(NEXT_EPOCH, 0) == 1
    newer.close()
    raw = apsw.Connection(str(path))
    assert raw.pragma("user_version") == len(MIGRATIONS)
    raw.close()


def test_an_outbox_of_newer_software_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite3"
    OutboxStore(path, ROOMY, report).close()
    raw = apsw.Connection(str(path))
    raw.pragma("user_version", len(MIGRATIONS) + 1)
    raw.close()
    with pytest.raises(OutboxError) as error:
        OutboxStore(path, ROOMY, report)
    assert error.value.reason is OutboxReason.NEWER


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite3"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(OutboxError) as error:
        OutboxStore(path, ROOMY, report)
    assert error.value.reason is OutboxReason.DAMAGED


def test_what_a_restored_hub_may_have_lost_is_queued_again(store: OutboxStore) -> None:
    assert store.enter_epoch(EPOCH, 0) == 0
    rows = store.append([draft(Lane.VITALS) for _ in range(4)])
    for log_sequence, row in enumerate(rows, start=1):
        store.release([receipt([row.id], EPOCH, log_sequence)])
    assert store.enter_epoch(EPOCH, 2) == 0
    assert store.enter_epoch(NEXT_EPOCH, 2) == 2
    assert [row.id for row in queued(store, Lane.VITALS)] == [rows[2].id, rows[3].id]
    assert store.lowest_queued()[Lane.VITALS] == rows[2].sequence


def test_traffic_adds_up_by_day_and_lane(store: OutboxStore) -> None:
    store.counts.add_traffic(20_000, {Lane.VITALS: (1, 300)})
    store.counts.add_traffic(20_000, {Lane.VITALS: (2, 600), Lane.BULK: (1, 900)})
    assert store.counts.traffic(20_000) == {Lane.VITALS: (3, 900), Lane.BULK: (1, 900)}
    assert store.counts.traffic(20_001) == {}
