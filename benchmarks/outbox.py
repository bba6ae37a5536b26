"""Durable enqueue: sealed readings into the outbox, one commit each, against SQLite used bare.

Baselines in the same run on the same disk: bare SQLite with the same settings (WAL, FULL), and with those of
ThingsBoard's gateway (WAL, NORMAL), which loses its last commits in a power cut.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Baseline, Result, publish
from koffert_agent.outbox.records import Draft
from koffert_agent.outbox.store import OutboxStore
from koffert_wire.topics import Lane
from tests.device_agent.support import QUOTA, ManualClock, make_reading, make_sealer

COMMITS = 1_500
ROWS_GATHERED = 10
ROW_BYTES = 400


def outbox_rows_per_s(folder: Path, per_commit: int) -> float:
    """Readings per second, sealed and committed `per_commit` at a time."""
    clock = ManualClock()
    sealer = make_sealer(clock)
    store = OutboxStore(folder / f"outbox-{per_commit}.sqlite3", QUOTA, sealer.report)

    def commit() -> None:
        drafts: list[Draft] = [
            sealer.draft(Lane.VITALS, [make_reading(clock)]) for _ in range(per_commit)
        ]
        store.append(drafts)

    rate = per_s(commit) * per_commit
    store.close()
    return rate


def bare_rows_per_s(folder: Path, synchronous: str) -> float:
    """Rows of the same size into a table with a unique id, one commit each."""
    database = sqlite3.connect(folder / f"bare-{synchronous}.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    database.execute("CREATE TABLE storage (id BLOB UNIQUE, payload BLOB)")
    payload = os.urandom(ROW_BYTES)
    rate = per_s(
        lambda: database.execute("INSERT INTO storage VALUES (?, ?)", (os.urandom(16), payload))
    )
    database.close()
    return rate


def per_s(commit: Callable[[], object]) -> float:
    """How often a second `commit` can be done."""
    start_s = time.perf_counter()
    for _ in range(COMMITS):
        commit()
    return COMMITS / (time.perf_counter() - start_s)


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        value = outbox_rows_per_s(folder, 1)
        gathered = outbox_rows_per_s(folder, ROWS_GATHERED)
        full, normal = bare_rows_per_s(folder, "FULL"), bare_rows_per_s(folder, "NORMAL")
    publish(
        Result(
            name="outbox",
            value=value,
            unit="sealed readings/s, one durable commit each",
            baseline=Baseline("bare SQLite, WAL, FULL", full),
            ratio=value / full,
            detail={"ten_per_commit_per_s": gathered, "bare_sqlite_normal_per_s": normal},
        )
    )


if __name__ == "__main__":
    main()
