"""Time series in one SQLite file: readings as wide rows, and one-minute rollups for long trends."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from koffert_hub.time_series.buckets import Aggregate, bucket_width_ms, into_trend
from koffert_hub.time_series.records import StoredReading, Trend
from koffert_wire.quantities import QUANTITIES

ROLLUP_MS = 60_000
# A bucket this many rollups wide or wider is drawn from them: its edges are then off by at most a tenth.
ROLLUPS_PER_BUCKET = 10

# The names come from our own table of quantities, never from a request: they are safe in SQL.
_COLUMNS = tuple(quantity.code for quantity in QUANTITIES)

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS reading (
  patient TEXT NOT NULL, measured_at_ms INTEGER NOT NULL, id BLOB NOT NULL,
  device TEXT NOT NULL, sensor TEXT NOT NULL, time_quality TEXT NOT NULL, quality REAL NOT NULL,
  {", ".join(f"{column} REAL" for column in _COLUMNS)},
  PRIMARY KEY (patient, measured_at_ms, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rollup (
  patient TEXT NOT NULL, quantity TEXT NOT NULL, start_ms INTEGER NOT NULL,
  minimum REAL NOT NULL, total REAL NOT NULL, maximum REAL NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (patient, quantity, start_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL);
INSERT OR IGNORE INTO cursor VALUES (1, 0);
"""  # noqa: S608

_KEYS = ("patient", "measured_at_ms", "id", "device", "sensor", "time_quality", "quality")
# Pages of the file kept in memory by the writer, in KiB.
_CACHE_KIB = 16_384


class SqliteTimeSeries:
    """A `TimeSeries` in a file of its own; `write` is called by one projector at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._writer = self._connect()
        self._writer.executescript(f"PRAGMA cache_size=-{_CACHE_KIB}; {_SCHEMA}")

    def cursor(self) -> int:
        """The last log sequence whose readings are all here."""
        with self._writing:
            (sequence,) = self._writer.execute("SELECT sequence FROM cursor").fetchone()
        return int(sequence)

    def write(self, readings: Sequence[StoredReading], cursor: int) -> None:
        """Add readings, bring their rollups up to date and move the cursor, in one transaction."""
        with self._transaction() as connection:
            _insert(connection, readings)
            for minute in _touched(readings):
                _roll_up(connection, *minute)
            connection.execute("UPDATE cursor SET sequence = ?", (cursor,))

    def remove(self, readings: Sequence[StoredReading]) -> None:
        """Take out readings and bring their rollups up to date, in one transaction."""
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM reading WHERE patient = ? AND measured_at_ms = ? AND id = ?",
                [(one.patient, one.measured_at_ms, one.id) for one in readings],
            )
            for minute in _touched(readings):
                connection.execute(
                    "DELETE FROM rollup WHERE patient = ? AND quantity = ? AND start_ms = ?", minute
                )
                _roll_up(connection, *minute)

    def trend(self, patient: str, quantity: str, start_ms: int, end_ms: int, buckets: int) -> Trend:
        """Minimum, mean and maximum per bucket; KeyError for a quantity that there is not."""
        if quantity not in _COLUMNS:
            raise KeyError(quantity)
        width_ms = bucket_width_ms(start_ms, end_ms, buckets)
        rolled_up = width_ms >= ROLLUPS_PER_BUCKET * ROLLUP_MS
        query = _ROLLED_UP_TREND if rolled_up else _raw_trend(quantity)
        values = {
            "patient": patient,
            "quantity": quantity,
            "start": start_ms,
            "end": end_ms,
            "width": width_ms,
        }
        with closing(self._connect()) as connection:
            found = {row[0]: Aggregate(*row[1:]) for row in connection.execute(query, values)}
        return into_trend(found, start_ms, width_ms, buckets)

    def count(self) -> int:
        """How many readings are here."""
        with closing(self._connect()) as connection:
            (count,) = connection.execute("SELECT count(*) FROM reading").fetchone()
        return int(count)

    def forget(self, patient: str) -> None:
        """Remove every reading of a patient and their rollups, overwritten on the disk."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM reading WHERE patient = ?", (patient,))
            connection.execute("DELETE FROM rollup WHERE patient = ?", (patient,))
        with self._writing:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def clear(self) -> None:
        """Forget everything; the cursor is 0 again."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM reading")
            connection.execute("DELETE FROM rollup")
            connection.execute("UPDATE cursor SET sequence = 0")

    def close(self) -> None:
        """Release the file."""
        with self._writing:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=10
        )
        # NORMAL: a power cut may take the last commits, cursor and rows alike; the projector redoes them.
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"
        )
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")


_ROLLED_UP_TREND = """
SELECT (start_ms - :start) / :width AS bucket, min(minimum), sum(total), max(maximum), sum(count)
FROM rollup
WHERE patient = :patient AND quantity = :quantity AND start_ms >= :start AND start_ms < :end
GROUP BY bucket
"""


def _raw_trend(column: str) -> str:
    return f"""
SELECT (measured_at_ms - :start) / :width AS bucket,
       min({column}), sum({column}), max({column}), count({column})
FROM reading
WHERE patient = :patient AND measured_at_ms >= :start AND measured_at_ms < :end
  AND {column} IS NOT NULL
GROUP BY bucket
"""  # noqa: S608


def _insert(connection: sqlite3.Connection, readings: Iterable[StoredReading]) -> None:
    """Add readings, those of the same quantities together: binding a null for each other one doubles the cost."""
    alike: dict[tuple[str, ...], list[StoredReading]] = {}
    for reading in readings:
        alike.setdefault(tuple(reading.values), []).append(reading)
    for measured, some in alike.items():
        columns = [name for name in measured if name in _COLUMNS]
        names = ", ".join((*_KEYS, *columns))
        connection.executemany(
            f"INSERT OR IGNORE INTO reading ({names}) "  # noqa: S608
            f"VALUES (?{', ?' * (len(_KEYS) + len(columns) - 1)})",
            [_row(reading, columns) for reading in some],
        )


def _row(reading: StoredReading, columns: Iterable[str]) -> tuple[object, ...]:
    return (
        reading.patient,
        reading.measured_at_ms,
        reading.id,
        reading.device,
        reading.sensor,
        reading.time_quality.value,
        reading.quality,
        *map(reading.values.get, columns),
    )


def _touched(readings: Iterable[StoredReading]) -> set[tuple[str, str, int]]:
    """The (patient, quantity, minute) whose rollup is no longer right."""
    return {
        (reading.patient, quantity, reading.measured_at_ms // ROLLUP_MS * ROLLUP_MS)
        for reading in readings
        for quantity in reading.values
    }


def _roll_up(connection: sqlite3.Connection, patient: str, quantity: str, start_ms: int) -> None:
    """Recompute one minute from its readings: late data and corrections need no rule of their own."""
    connection.execute(
        f"INSERT OR REPLACE INTO rollup SELECT ?, ?, ?, min({quantity}), sum({quantity}), "  # noqa: S608
        f"max({quantity}), count({quantity}) FROM reading WHERE patient = ? "
        f"AND measured_at_ms >= ? AND measured_at_ms < ? HAVING count({quantity}) > 0",
        (patient, quantity, start_ms, patient, start_ms, start_ms + ROLLUP_MS),
    )
