"""A trend of 30 days at one reading a second, from rollups, against the same question to the raw rows.

Both stores hold all 2.6 million readings: SQLite in its file, and the real InfluxDB that the tests start.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Baseline, Result, publish
from koffert_hub.database import open_database
from koffert_hub.migrations import migrate
from koffert_hub.time_series.influx import InfluxAccess, InfluxTimeSeries
from koffert_hub.time_series.records import StoredReading, TimeQuality, TimeSeries
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from tests.support.influx import running_influx

DAYS = 30
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
START_MS = 1_780_272_000_000
END_MS = START_MS + DAYS * DAY_MS
BUCKETS = 700  # as many as a trend is wide on a screen
ROUNDS = 5


def fill(series: TimeSeries) -> None:
    """One patient's readings, a day at a time."""
    for day in range(DAYS):
        start_ms = START_MS + day * DAY_MS
        series.write([_reading(start_ms + second * 1_000) for second in range(86_400)], day + 1)


def median_ms(work: Callable[[], object]) -> float:
    """The median of a few runs."""
    took = []
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        work()
        took.append(1_000 * (time.perf_counter() - start_s))
    return sorted(took)[ROUNDS // 2]


def trends_ms(series: TimeSeries) -> tuple[float, float]:
    """The trend of all the days, and that of the last hour."""
    return (
        median_ms(lambda: series.trend("p-1", "spo2_pct", START_MS, END_MS, BUCKETS)),
        median_ms(lambda: series.trend("p-1", "spo2_pct", END_MS - HOUR_MS, END_MS, BUCKETS)),
    )


def influx_ms(folder: Path) -> tuple[float, float]:
    """The same two from InfluxDB."""
    engine = open_database(f"sqlite:///{folder / 'hub.sqlite'}")
    migrate(engine)
    with running_influx(folder) as server:
        access = InfluxAccess(server.url, "koffert", server.new_bucket(), "token")
        series = InfluxTimeSeries(engine, access, clock_ms=lambda: END_MS)
        fill(series)
        took_ms = trends_ms(series)
        series.close()
    engine.dispose()
    return took_ms


def main() -> None:
    """Measure and publish `trend-query`."""
    with tempfile.TemporaryDirectory() as name:
        influx, influx_hour = influx_ms(Path(name))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "series.sqlite"
        series = SqliteTimeSeries(path)
        start_s = time.perf_counter()
        fill(series)
        filled_s = time.perf_counter() - start_s
        rolled_up, hour = trends_ms(series)
        raw_connection = sqlite3.connect(path)
        width_ms = (END_MS - START_MS) // BUCKETS
        raw = median_ms(
            lambda: raw_connection.execute(
                "SELECT (measured_at_ms - ?) / ? AS bucket, min(spo2_pct), avg(spo2_pct), "
                "max(spo2_pct) FROM reading WHERE patient = 'p-1' GROUP BY bucket",
                (START_MS, width_ms),
            ).fetchall()
        )
        raw_connection.close()
        series.close()
    publish(
        Result(
            name="trend-query",
            value=rolled_up,
            unit="ms for 30 days at 1 Hz",
            baseline=Baseline("the same from the raw rows", raw),
            ratio=rolled_up / raw,
            detail={
                "last_hour_ms": hour,
                "influx_ms": influx,
                "influx_last_hour_ms": influx_hour,
                "written_readings_per_s": DAYS * 86_400 / filled_s,
            },
        )
    )


def _reading(at_ms: int) -> StoredReading:
    return StoredReading(
        id=at_ms.to_bytes(16),
        patient="p-1",
        device="box-1",
        sensor="nonin-serial",
        measured_at_ms=at_ms,
        time_quality=TimeQuality.WALL,
        quality=1.0,
        values={"spo2_pct": 88.0 + at_ms // 1_000 % 9, "pulse_bpm": 60.0 + at_ms // 1_000 % 40},
    )


if __name__ == "__main__":
    main()
