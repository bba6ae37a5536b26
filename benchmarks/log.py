"""The transmission log: chained, durable appends against plain durable inserts, and how fast it verifies."""

import os
import tempfile
import time
from pathlib import Path

from benchmarks.report import Baseline, Result, publish
from koffert_hub.database import reading
from koffert_hub.log_access import verify_connection
from koffert_hub.log_record import Event
from koffert_hub.log_record import Result as Outcome
from koffert_hub.transmission_log import LogWriter, draft
from tests.hub.kit import NOON_MS, Store, sqlite_store

RECORDS = 100_000
PER_COMMIT = 200


def append_rate_hz(store: Store) -> float:
    """Records a second with 200 in each commit."""
    start_s = time.perf_counter()
    for _ in range(RECORDS // PER_COMMIT):
        with store.engine.begin() as connection:
            writer = LogWriter(connection)
            for _ in range(PER_COMMIT):
                writer.add(
                    draft(
                        Event.TRANSMISSION,
                        Outcome.STORED,
                        at_ms=NOON_MS,
                        device="box-000123",
                        patient="p-0123456789abcdef0123",
                        transmission=os.urandom(16).hex(),
                        payload_hash=os.urandom(32).hex(),
                    )
                )
            writer.flush()
    return RECORDS / (time.perf_counter() - start_s)


def plain_rate_hz(store: Store) -> float:
    """Inserts a second of rows of the same size, committed the same way, without numbering or chain."""
    row = b"x" * 420
    with store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE plain (id INTEGER PRIMARY KEY, record BLOB)")
    start_s = time.perf_counter()
    for _ in range(RECORDS // PER_COMMIT):
        with store.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO plain (record) VALUES (?)", [(row,)] * PER_COMMIT
            )
    return RECORDS / (time.perf_counter() - start_s)


def main() -> None:
    """Measure and publish `log`."""
    with tempfile.TemporaryDirectory() as name:
        store = sqlite_store(Path(name))
        plain = plain_rate_hz(store)
        appended = append_rate_hz(store)
        start_s = time.perf_counter()
        with reading(store.engine) as connection:
            verified = verify_connection(connection, [])
        verify_hz = verified.records / (time.perf_counter() - start_s)
        assert verified.ok
        store.engine.dispose()
    publish(
        Result(
            name="log",
            value=appended,
            unit="records/s appended, 200 a commit",
            baseline=Baseline("plain inserts of the same size", plain),
            ratio=appended / plain,
            detail={"verified_records_per_s": verify_hz},
        )
    )


if __name__ == "__main__":
    main()
