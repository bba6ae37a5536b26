"""Making the time series again from the opened bodies, against writing the same readings once more."""

import tempfile
import time
from pathlib import Path

from benchmarks.report import Baseline, Result, publish
from koffert_hub.ingest import Received
from koffert_hub.projection import stored_readings
from koffert_hub.projector import REBUILD_RECORDS, read_step, rebuild
from koffert_hub.time_series.sqlite import SqliteTimeSeries
from tests.hub.kit import Store, sqlite_store

TRANSMISSIONS = 5_000
READINGS_EACH = 10
PER_BATCH = 500


def fill(store: Store) -> None:
    """One box, ten readings a transmission, one reading a second."""
    box = store.box()
    for _ in range(TRANSMISSIONS // PER_BATCH):
        batch = []
        for _ in range(PER_BATCH):
            readings = []
            for _ in range(READINGS_EACH):
                readings.append(box.reading(90.0))
                box.wait(1)
            queued = box.queue(readings)
            batch.append(Received(queued.topic, queued.payload(), box.wall_ns))
        store.take_raw(*batch)


def main() -> None:
    """Measure and publish `rebuild`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = sqlite_store(folder)
        fill(store)
        series = SqliteTimeSeries(folder / "series.sqlite")
        start_s = time.perf_counter()
        readings = rebuild(store.engine, series, progress=lambda _cursor: None)
        rebuilt_hz = readings / (time.perf_counter() - start_s)
        series.clear()
        step = read_step(store.engine, 0, REBUILD_RECORDS)
        ready = [r for opened in step.bodies for r in stored_readings(opened)]
        start_s = time.perf_counter()
        series.write(ready, step.cursor)
        written_hz = len(ready) / (time.perf_counter() - start_s)
        series.close()
        store.engine.dispose()
    publish(
        Result(
            name="rebuild",
            value=rebuilt_hz,
            unit="readings/s",
            baseline=Baseline("writing readings that are at hand", written_hz),
            ratio=rebuilt_hz / written_hz,
        )
    )


if __name__ == "__main__":
    main()
