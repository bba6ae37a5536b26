"""From stored bodies to trends and the live feed."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import registry
from koffert_hub.corrections import Chosen, NoSuchReading, Reason, correct
from koffert_hub.live import LiveEvent, LiveFeed, Resync
from koffert_hub.projector import Projector, rebuild
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from koffert_hub.waves import Wave
from koffert_wire.messages import PPG, WaveformBlock
from koffert_wire.samples import pack_samples
from koffert_wire.topics import Lane
from tests.hub.box import NOON_NS, SECOND_NS
from tests.hub.kit import NOON_MS, Store
from tests.hub.stores import store_on_each  # noqa: F401 - a fixture

HOUR_MS = 3_600_000


@pytest.fixture(name="series")
def fixture_series(tmp_path: Path) -> Iterator[SqliteTimeSeries]:
    series = SqliteTimeSeries(tmp_path / "series.sqlite")
    yield series
    series.close()


def only_patient(store: Store) -> str:
    with store.engine.connect() as connection:
        return registry.ward(connection)[0].patient


def projector(store: Store, series: SqliteTimeSeries, live: LiveFeed) -> Projector:
    ticks = itertools.count(NOON_MS, 1_000)
    key = Ed25519PrivateKey.generate()
    return Projector(store.engine, series, live, key, clock_ms=lambda: next(ticks))


def project(store: Store, series: SqliteTimeSeries) -> LiveFeed:
    """Run the projector until it has caught up."""
    live = LiveFeed(lambda: NOON_MS)

    async def run() -> None:
        running = projector(store, series, live)
        running.stop()
        await running.run()

    asyncio.run(run())
    return live


def test_the_trend_holds_what_was_measured(store: Store, series: SqliteTimeSeries) -> None:
    box = store.box()
    for spo2 in (90.0, 92.0, 97.0):
        store.take(box.queue([box.reading(spo2)]), at_ns=box.wall_ns)
        box.wait(60)
    project(store, series)
    trend = series.trend(only_patient(store), "spo2_pct", NOON_MS, NOON_MS + 240_000, 2)
    assert trend.t_ms == (NOON_MS, NOON_MS + 120_000)
    assert trend.minimum == (90.0, 97.0)
    assert trend.mean == (91.0, 97.0)
    assert trend.maximum == (92.0, 97.0)
    assert trend.count == (2, 1)


def test_a_value_that_the_meter_marked_as_bad_is_no_value(
    store: Store, series: SqliteTimeSeries
) -> None:
    box = store.box()
    bad = box.reading(88.0, quality=0.0, flags=("finger-out",))
    store.take(box.queue([bad]))
    live = project(store, series)
    assert series.count() == 0
    row = live.snapshot().rows[0]
    assert (row.spo2_pct, row.pulse_bpm, row.flags) == (None, None, ("finger-out",))


def test_a_reading_from_1970_is_shown_corrected(store: Store, series: SqliteTimeSeries) -> None:
    box = store.box()
    box.wall_ns, box.trusted = 0, False
    queued = box.queue()
    box.wait(30)
    store.take(queued)
    row = project(store, series).snapshot().rows[0]
    assert row.measured_at_ms == NOON_MS - 30_000
    assert "clock-corrected" in row.flags


def test_a_rebuild_gives_the_same_rows(store: Store, series: SqliteTimeSeries) -> None:
    box = store.box()
    for n in range(50):
        store.take(box.queue([box.reading(85.0 + n % 10)]), at_ns=box.wall_ns)
        box.wait(37)
    box.reboot(wall_ns=5 * SECOND_NS)
    box.trusted = False
    store.take(box.queue(), at_ns=NOON_NS + 2 * 3_600 * SECOND_NS)
    project(store, series)
    patient = only_patient(store)
    ranges = [
        (NOON_MS, NOON_MS + HOUR_MS, 60),
        (NOON_MS - 24 * HOUR_MS, NOON_MS + 24 * HOUR_MS, 48),
    ]
    before = [series.trend(patient, "spo2_pct", *span) for span in ranges]
    assert sum(before[1].count) == 51
    written = rebuild(store.engine, series, progress=lambda _cursor: None)
    assert written == 51
    assert [series.trend(patient, "spo2_pct", *span) for span in ranges] == before


def test_projecting_twice_adds_nothing(store: Store, series: SqliteTimeSeries) -> None:
    box = store.box()
    store.take(*(box.queue() for _ in range(5)))
    project(store, series)
    series.write([], 0)  # as after a restore of an older file: the cursor is behind the rows
    project(store, series)
    assert series.count() == 5


def test_late_data_never_replaces_a_newer_live_value(
    store: Store, series: SqliteTimeSeries
) -> None:
    box = store.box()
    late = box.queue([box.reading(80.0)])
    box.wait(60)
    store.take(box.queue([box.reading(95.0)]), late, at_ns=box.wall_ns)
    live = project(store, series)
    assert live.snapshot().rows[0].spo2_pct == 95.0
    restarted = project(store, series)
    assert restarted.snapshot().rows[0].spo2_pct == 95.0


def test_a_patient_without_readings_is_on_the_ward(store: Store, series: SqliteTimeSeries) -> None:
    store.box()
    (row,) = project(store, series).snapshot().rows
    assert (row.display_name, row.suitcase, row.sequence) == ("Testpasient 1", "box-1", 0)


def test_a_commit_reaches_subscribers(store: Store, series: SqliteTimeSeries) -> None:
    async def scenario() -> None:
        box = store.box()
        live = LiveFeed(lambda: NOON_MS)
        running = projector(store, series, live)
        events = live.subscribe()
        task = asyncio.create_task(running.run())
        async with asyncio.timeout(40):
            assert isinstance(await anext(events), Resync)  # the ward came up
            batch = store.take(box.queue([box.reading(91.0)]))
            running.wake()
            event = await anext(events)
            assert isinstance(event, LiveEvent)
            assert (event.id, event.row.spo2_pct) == (batch.log_sequence, 91.0)
            replay = live.subscribe(event.id - 1)
            assert await anext(replay) == event
            assert isinstance(await anext(live.subscribe(10**9)), Resync)
            running.stop()
            await task

    asyncio.run(scenario())


def test_the_pulse_wave_reaches_who_looks(store: Store, series: SqliteTimeSeries) -> None:
    async def scenario() -> None:
        box = store.box()
        live = LiveFeed(lambda: NOON_MS)
        running = projector(store, series, live)
        events = live.subscribe()
        task = asyncio.create_task(running.run())
        async with asyncio.timeout(40):
            await anext(events)
            watcher = live.waves.watch(live.snapshot().rows[0].patient)
            codec, packed = pack_samples([3, 4, -5])
            block = WaveformBlock(
                box.identifier(), box.now(), "nonin-ble", None, PPG, 75.0, 3, codec, packed
            )
            cut = msgspec.structs.replace(block, id=box.identifier(), samples=packed[:-1])
            store.take(box.queue([cut, block], Lane.BULK))
            running.wake()
            assert await anext(watcher) == Wave(NOON_MS, 75.0, (3, 4, -5))
            running.stop()
            await task

    asyncio.run(scenario())


def _strike(store: Store, reading: bytes, *, body_sequence: int) -> int:
    with store.engine.begin() as connection:
        chosen = [Chosen(body_sequence, reading)]
        patient = registry.ward(connection)[0].patient
        return correct(connection, patient, chosen, Reason.INVALID, "nurse", now_ms=NOON_MS)


def test_a_corrected_reading_is_in_no_trend_and_on_no_screen(
    store: Store, series: SqliteTimeSeries
) -> None:
    box = store.box()
    readings = []
    for spo2 in (90.0, 71.0):
        readings.append(box.reading(spo2))
        store.take(box.queue([readings[-1]]), at_ns=box.wall_ns)
        box.wait(1)
    before = project(store, series)
    patient = only_patient(store)
    assert getattr(before.row(patient), "spo2_pct", None) == 71.0
    last = store.records()[-1].sequence
    assert _strike(store, readings[1].id, body_sequence=last) == 1
    assert _strike(store, readings[1].id, body_sequence=last) == 0
    after = project(store, series)
    assert getattr(after.row(patient), "spo2_pct", None) == 90.0
    trend = series.trend(patient, "spo2_pct", NOON_MS, NOON_MS + HOUR_MS, 1)
    assert (trend.minimum, trend.count) == ((90.0,), (1,))
    record = store.records()[-1]
    assert (record.event, record.detail, record.count) == ("correction", "invalid", 1)
    rebuild(store.engine, series, lambda _: None)
    assert series.trend(patient, "spo2_pct", NOON_MS, NOON_MS + HOUR_MS, 1) == trend


def test_whoever_watches_sees_the_corrected_value_go(
    store: Store, series: SqliteTimeSeries
) -> None:
    box = store.box()
    right = box.reading(90.0)
    box.wait(1)
    wrong = box.reading(71.0)
    live = LiveFeed(lambda: NOON_MS)

    async def scenario() -> None:
        running = projector(store, series, live)
        task = asyncio.create_task(running.run())
        async with asyncio.timeout(40):
            await _until_shown(live, running, None)
            for one in (right, wrong):
                store.take(box.queue([one]), at_ns=box.wall_ns)
            await _until_shown(live, running, 71.0)
            subscription = live.subscribe()
            _strike(store, wrong.id, body_sequence=store.records()[-1].sequence)
            running.wake()
            assert isinstance(await anext(subscription), Resync)
            (row,) = live.snapshot().rows
            assert row.spo2_pct == 90.0
        running.stop()
        await task

    asyncio.run(scenario())


async def _until_shown(live: LiveFeed, running: Projector, spo2_pct: float | None) -> None:
    """Wait until the only patient's row holds this value."""
    while [row.spo2_pct for row in live.snapshot().rows] != [spo2_pct]:
        running.wake()
        await asyncio.sleep(0.001)


def test_a_reading_of_someone_else_cannot_be_corrected(store: Store) -> None:
    box = store.box()
    reading = box.reading(90.0)
    store.take(box.queue([reading]))
    last = store.records()[-1].sequence
    for body_sequence, identifier in ((last, bytes(16)), (last - 1, reading.id)):
        with pytest.raises(NoSuchReading):
            _strike(store, identifier, body_sequence=body_sequence)
    chosen = [Chosen(last, reading.id)]
    with store.engine.begin() as connection, pytest.raises(NoSuchReading):
        correct(connection, "p-other", chosen, Reason.INVALID, "nurse", now_ms=NOON_MS)
