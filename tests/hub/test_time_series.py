"""One suite for every time series store, each of them real."""

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koffert_hub.live import LiveFeed
from koffert_hub.projector import Projector
from koffert_hub.time_series import StoredReading, TimeQuality, TimeSeries, TimeSeriesUnavailable
from koffert_hub.time_series.influx import InfluxAccess, InfluxTimeSeries
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from tests.hub.kit import NOON_MS, Store, sqlite_store
from tests.support.influx import Influx

HOUR_MS = 3_600_000
Make = Callable[[], TimeSeries]


@pytest.fixture(name="make", params=["sqlite", "influx"])
def fixture_make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes new, empty stores of one kind."""
    made: list[TimeSeries] = []
    hub = sqlite_store(tmp_path)

    def make() -> TimeSeries:
        if request.param == "sqlite":
            made.append(SqliteTimeSeries(tmp_path / f"series{len(made)}.sqlite"))
        else:
            server: Influx = request.getfixturevalue("influx")
            access = InfluxAccess(server.url, "koffert", server.new_bucket(), "token")
            made.append(InfluxTimeSeries(hub.engine, access, clock_ms=lambda: NOON_MS))
            made[-1].clear()
        return made[-1]

    yield make
    for series in made:
        series.close()
    hub.engine.dispose()


def reading(at_ms: int, spo2_pct: float = 93.0, patient: str = "p-1") -> StoredReading:
    return StoredReading(
        id=os.urandom(16),
        patient=patient,
        device="box-1",
        sensor="nonin-serial",
        measured_at_ms=at_ms,
        time_quality=TimeQuality.WALL,
        quality=1.0,
        values={"spo2_pct": spo2_pct, "pulse_bpm": 70.0},
    )


def test_an_empty_store_has_an_empty_trend(make: Make) -> None:
    series = make()
    trend = series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS + HOUR_MS, 4)
    assert trend.count == (0, 0, 0, 0)
    assert trend.mean == (None, None, None, None)
    assert (series.cursor(), series.count()) == (0, 0)


def test_a_trend_of_raw_values(make: Make) -> None:
    series = make()
    series.write([reading(NOON_MS + n * 1_000, 90.0 + n) for n in range(4)], 7)
    trend = series.trend("p-1", "spo2_pct", NOON_MS + 500, NOON_MS + 4_500, 2)
    assert trend.t_ms == (NOON_MS + 500, NOON_MS + 2_500)
    assert (trend.minimum, trend.maximum) == ((91.0, 93.0), (92.0, 93.0))
    assert (trend.mean, trend.count) == ((91.5, 93.0), (2, 1))
    assert (series.cursor(), series.count()) == (7, 4)


def test_a_trend_of_days_holds_late_data_too(make: Make) -> None:
    series = make()
    day_ms = 24 * HOUR_MS
    series.write([reading(NOON_MS + n * HOUR_MS) for n in range(72)], 1)
    series.write([reading(NOON_MS + 30 * HOUR_MS, 80.0)], 2)
    trend = series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS + 3 * day_ms, 3)
    assert trend.count == (24, 25, 24)
    assert trend.minimum == (93.0, 80.0, 93.0)
    assert trend.mean[1] == pytest.approx((24 * 93 + 80) / 25)


def test_what_is_sent_twice_is_there_once(make: Make) -> None:
    series = make()
    same_time = [reading(NOON_MS), reading(NOON_MS)]
    for cursor in (1, 1, 2):
        series.write(same_time, cursor)
    assert series.count() == 2
    assert series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS + 1, 1).count == (2,)


def test_patients_and_quantities_do_not_mix(make: Make) -> None:
    series = make()
    series.write([reading(NOON_MS, 90.0), reading(NOON_MS, 80.0, "p-2")], 1)
    assert series.trend("p-2", "spo2_pct", NOON_MS, NOON_MS + 1, 1).mean == (80.0,)
    assert series.trend("p-2", "pulse_bpm", NOON_MS, NOON_MS + 1, 1).mean == (70.0,)
    assert series.trend("p-1' OR '1'='1", "spo2_pct", NOON_MS, NOON_MS + 1, 1).count == (0,)
    with pytest.raises(KeyError):
        series.trend("p-1", "quality; DROP", NOON_MS, NOON_MS + 1, 1)
    with pytest.raises(ValueError, match="buckets"):
        series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS, 1)


@pytest.mark.parametrize("hours", [1, 24])
def test_a_reading_that_does_not_count_is_taken_out(make: Make, hours: int) -> None:
    series = make()
    right, wrong, alone = (
        reading(NOON_MS),
        reading(NOON_MS, 71.0),
        reading(NOON_MS + HOUR_MS // 2, 70.0),
    )
    series.write([right, wrong, alone], 1)
    series.remove([wrong, alone, reading(NOON_MS)])
    for quantity, value in (("spo2_pct", 93.0), ("pulse_bpm", 70.0)):
        trend = series.trend("p-1", quantity, NOON_MS, NOON_MS + hours * HOUR_MS, 2)
        assert (trend.minimum, trend.count) == ((value, None), (1, 0))


def test_one_patient_can_be_forgotten_and_all_of_it(make: Make) -> None:
    series = make()
    series.write([reading(NOON_MS), reading(NOON_MS, patient="p-2")], 3)
    series.forget("p-1")
    assert series.count() == 1
    assert series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS + 24 * HOUR_MS, 1).count == (0,)
    series.clear()
    assert (series.count(), series.cursor()) == (0, 0)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seconds=st.lists(st.integers(0, 4 * 3_600), min_size=1, max_size=60))
def test_raw_and_rolled_up_trends_agree(make: Make, seconds: list[int]) -> None:
    series = make()
    readings = [reading(NOON_MS + at * 1_000, 85.0 + at % 10) for at in seconds]
    series.write(readings[::2], 1)
    series.write(readings[1::2], 2)
    coarse = series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS + 4 * HOUR_MS + 1_000, 2)
    fine = series.trend("p-1", "spo2_pct", NOON_MS, NOON_MS + 4 * HOUR_MS + 1_000, 1_000)
    assert sum(coarse.count) == sum(fine.count) == len(seconds)
    held = [value for value in fine.minimum if value is not None]
    assert min(value for value in coarse.minimum if value is not None) == min(held)


class FakeInfluxDb(ThreadingHTTPServer):
    """A v2 server that answers writes as it is told; keeps the lines that it accepted.

    `answers` are given first, one to each write. `partial`: of a batch with a bad line the others are kept.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 204
        self.answers: list[int] = []
        self.bad_line = ""
        self.partial = False
        self.lines: set[str] = set()
        super().__init__(("127.0.0.1", 0), _FakeHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _FakeHandler(BaseHTTPRequestHandler):
    server: FakeInfluxDb

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        status = self.server.answers.pop(0) if self.server.answers else self.server.status
        good = [
            line for line in lines if not self.server.bad_line or self.server.bad_line not in line
        ]
        if status == 204 and (self.server.partial or good == lines):
            self.server.lines.update(good)
        if status == 204 and good != lines:
            status = 400
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        body = b'{"results":[{}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(name="fake")
def fixture_fake() -> Iterator[FakeInfluxDb]:
    server = FakeInfluxDb()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(name="hub")
def fixture_hub(tmp_path: Path) -> Iterator[Store]:
    store = sqlite_store(tmp_path)
    yield store
    store.engine.dispose()


@pytest.fixture(name="faulty")
def fixture_faulty(fake: FakeInfluxDb, hub: Store) -> Iterator[InfluxTimeSeries]:
    series = InfluxTimeSeries(
        hub.engine,
        InfluxAccess(fake.url, "koffert", "b", "token"),
        clock_ms=lambda: NOON_MS,
        compress=False,
    )
    yield series
    series.close()


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_refused_write_keeps_the_cursor_and_heals(
    fake: FakeInfluxDb, faulty: InfluxTimeSeries, status: int
) -> None:
    fake.status = status
    readings = [reading(NOON_MS + n) for n in range(5)]
    with pytest.raises(TimeSeriesUnavailable, match=str(status)):
        faulty.write(readings, 5)
    assert (faulty.cursor(), fake.lines) == (0, set())
    fake.status = 204
    faulty.write(readings, 5)
    assert (faulty.cursor(), len(fake.lines)) == (5, 5)


@pytest.mark.parametrize("partial", [True, False])
def test_one_bad_line_does_not_take_the_others_with_it_and_raises_an_alert(
    fake: FakeInfluxDb, faulty: InfluxTimeSeries, hub: Store, *, partial: bool
) -> None:
    fake.bad_line, fake.partial = "patient=p-13,", partial
    readings = [reading(NOON_MS, patient=f"p-{n}") for n in range(20)]
    fake.answers = [204, 204, 503]  # half of it is through, then the server is gone for a while
    with pytest.raises(TimeSeriesUnavailable):
        faulty.write(readings, 1)
    assert (faulty.cursor(), hub.alerts()) == (0, {})
    faulty.write(readings, 1)
    assert len(fake.lines) == 19
    assert faulty.cursor() == 1
    assert hub.alerts() == {("hub", "time-series-refused"): 1}


def test_the_projector_outlasts_every_refusal(
    fake: FakeInfluxDb, faulty: InfluxTimeSeries, hub: Store
) -> None:
    box = hub.box()
    for _ in range(6):
        hub.take(box.queue(), at_ns=box.wall_ns)
        box.wait(1)
    fake.answers = [401, 404, 429, 500, 503, 503]

    async def scenario() -> None:
        ticks = itertools.count(NOON_MS, 1_000)
        running = Projector(
            hub.engine,
            faulty,
            LiveFeed(lambda: NOON_MS),
            Ed25519PrivateKey.generate(),
            clock_ms=lambda: next(ticks),
            poll_ms=1,
        )
        task = asyncio.create_task(running.run())
        async with asyncio.timeout(30):
            while faulty.cursor() < hub.records()[-1].sequence:
                running.wake()
                await asyncio.sleep(0.001)
        running.stop()
        await task

    asyncio.run(scenario())
    assert (len(fake.lines), fake.answers, hub.alerts()) == (6, [], {})


def test_a_server_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    hub = sqlite_store(tmp_path)
    series = InfluxTimeSeries(
        hub.engine, InfluxAccess("http://127.0.0.1:9", "o", "b", "t"), clock_ms=lambda: NOON_MS
    )
    with pytest.raises(TimeSeriesUnavailable):
        series.write([reading(NOON_MS)], 1)
    with pytest.raises(TimeSeriesUnavailable):
        series.count()
    series.close()
    hub.engine.dispose()
