"""Time series in InfluxDB: synchronous v2 writes, InfluxQL reads, which 1.8, 2.x and 3.x all speak.

Measurement `vitals`: tags patient (pseudonymous), device, sensor; one float field for each quantity, and
`quality`. Measurement `vitals_1m`: minimum, total, maximum and count of each minute. A reading's place within
its millisecond comes from its id, so two readings never overwrite each other and one sent twice does.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec
import sqlalchemy as sa
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.broker_config import HUB_USER
from koffert_hub.database import reading as open_reading
from koffert_hub.database import upserts
from koffert_hub.technical_alerts import Cause, raise_alert
from koffert_hub.time_series.buckets import Aggregate, bucket_width_ms, into_trend
from koffert_hub.time_series.records import StoredReading, TimeSeriesUnavailable, Trend
from koffert_hub.time_series.sqlite import ROLLUP_MS, ROLLUPS_PER_BUCKET
from koffert_wire.quantities import QUANTITIES

# The client's batching writer drops what fails without a word; these calls raise.
_TIMEOUT_MS = 10_000
_NS_PER_MS = 1_000_000
_BAD_REQUEST = 400
_CURSOR = "time-series-influx"
_QUANTITIES = frozenset(quantity.code for quantity in QUANTITIES)
_ROLLED = ("min", "sum", "max", "count")
_SAVE_CURSOR = upserts(tables.cursor, ("sequence",))


class InfluxAccess(Struct, frozen=True):
    """Where the database is and what opens it."""

    url: str
    organisation: str
    bucket: str
    token: str


class InfluxTimeSeries:
    """A `TimeSeries` in InfluxDB; its cursor is in the hub's database and moves after the write."""

    def __init__(
        self,
        engine: sa.Engine,
        access: InfluxAccess,
        *,
        clock_ms: Callable[[], int],
        compress: bool = True,
    ) -> None:
        self._engine = engine
        self._clock_ms = clock_ms
        self._access = access
        self._client = InfluxDBClient(
            url=access.url,
            token=access.token,
            org=access.organisation,
            timeout=_TIMEOUT_MS,
            enable_gzip=compress,
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._http = urllib3.PoolManager(timeout=_TIMEOUT_MS / 1_000, retries=False)

    def cursor(self) -> int:
        """The last log sequence whose readings are all here."""
        query = sa.select(tables.cursor.c.sequence).where(tables.cursor.c.projection == _CURSOR)
        with open_reading(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def write(self, readings: Sequence[StoredReading], cursor: int) -> None:
        """Write, roll up, then move the cursor: after a fault all of it is done again, to the same end."""
        refused = self._send([_line(reading) for reading in readings])
        refused += self._roll_up(readings)
        self._move(cursor, refused)

    def remove(self, readings: Sequence[StoredReading]) -> None:
        """Take out readings, then roll their minutes up anew; after a fault all of it is done again."""
        for one in readings:
            self._delete("vitals", one.patient, _time_ns(one))
        for patient, minute in {(one.patient, one.measured_at_ms // ROLLUP_MS) for one in readings}:
            self._delete("vitals_1m", patient, minute * ROLLUP_MS * _NS_PER_MS)
            self._roll_up_run(minute, minute, {patient}, sorted(_QUANTITIES))

    def trend(self, patient: str, quantity: str, start_ms: int, end_ms: int, buckets: int) -> Trend:
        """Minimum, mean and maximum per bucket; KeyError for a quantity that there is not."""
        if quantity not in _QUANTITIES:
            raise KeyError(quantity)
        width_ms = bucket_width_ms(start_ms, end_ms, buckets)
        if width_ms >= ROLLUPS_PER_BUCKET * ROLLUP_MS:
            fields = tuple(f"{quantity}_{name}" for name in _ROLLED)
            chosen = "min({}), sum({}), max({}), sum({})".format(*fields)
            source = "vitals_1m"
        else:
            chosen = ", ".join(f"{name}({quantity})" for name in _ROLLED)
            source = "vitals"
        series = self._query(
            f"SELECT {chosen} FROM {source} WHERE patient = {_quoted(patient)} "  # noqa: S608
            f"AND time >= {start_ms}ms AND time < {end_ms}ms "
            f"GROUP BY time({width_ms}ms, {start_ms % width_ms}ms) fill(none)"
        )
        found = {
            (row[0] - start_ms) // width_ms: Aggregate(row[1], row[2], row[3], int(row[4]))
            for one in series
            for row in one["values"]
            if row[4]
        }
        return into_trend(found, start_ms, width_ms, buckets)

    def count(self) -> int:
        """How many readings are here."""
        series = self._query("SELECT count(quality) FROM vitals")
        return int(series[0]["values"][0][1]) if series else 0

    def forget(self, patient: str) -> None:
        """Remove every reading of a patient."""
        for measurement in ("vitals", "vitals_1m"):
            self._query(f"DELETE FROM {measurement} WHERE patient = {_quoted(patient)}", "POST")  # noqa: S608

    def clear(self) -> None:
        """Forget everything; the cursor is 0 again."""
        for measurement in ("vitals", "vitals_1m"):
            self._query(f"DROP MEASUREMENT {measurement}", "POST")
        self._move(0)

    def close(self) -> None:
        """Release the connections."""
        self._writer.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]
        self._http.clear()

    def _delete(self, measurement: str, patient: str, at_ns: int) -> None:
        self._query(
            f"DELETE FROM {measurement} WHERE patient = {_quoted(patient)} AND time = {at_ns}",  # noqa: S608
            "POST",
        )

    def _move(self, cursor: int, refused: int = 0) -> None:
        """Move the cursor; what was refused raises an alert in the same transaction, so it counts once."""
        with self._engine.begin() as connection:
            connection.execute(
                _SAVE_CURSOR[connection.dialect.name], {"projection": _CURSOR, "sequence": cursor}
            )
            if refused:
                raise_alert(
                    connection,
                    HUB_USER,
                    Cause.TIME_SERIES_REFUSED,
                    f"{refused} lines up to record {cursor} (HTTP {_BAD_REQUEST})",
                    now_ms=self._clock_ms(),
                    count=refused,
                )

    def _send(self, lines: list[str]) -> int:
        """Write lines; a batch refused as bad is split until the bad line stands alone and is left out.

        Returns how many were left out. A partial write has stored the good lines: the halves replace them.
        """
        if not lines:
            return 0
        try:
            self._writer.write(
                self._access.bucket,
                record=lines,
                write_precision=WritePrecision.NS,  # type: ignore[arg-type]  # its enum is plain text
            )
        except ApiException as error:
            if error.status != _BAD_REQUEST:
                raise TimeSeriesUnavailable(f"HTTP {error.status}") from error
            if len(lines) == 1:
                return 1
            half = len(lines) // 2
            return self._send(lines[:half]) + self._send(lines[half:])
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise TimeSeriesUnavailable(type(error).__name__) from error
        return 0

    def _roll_up(self, readings: Iterable[StoredReading]) -> int:
        """Compute the touched minutes anew from what is stored, one query for each run of minutes.

        Returns how many lines were refused.
        """
        refused = 0
        touched = {
            (reading.measured_at_ms // ROLLUP_MS, reading.patient, quantity)
            for reading in readings
            for quantity in reading.values
        }
        for first, last in _runs(sorted({minute for minute, _, _ in touched})):
            within = {entry for entry in touched if first <= entry[0] <= last}
            patients = {patient for _, patient, _ in within}
            quantities = sorted({quantity for _, _, quantity in within})
            refused += self._roll_up_run(first, last, patients, quantities)
        return refused

    def _roll_up_run(self, first: int, last: int, patients: set[str], quantities: list[str]) -> int:
        chosen = ", ".join(
            f"{name}({quantity}) AS {quantity}_{name}"
            for quantity in quantities
            for name in _ROLLED
        )
        series = self._query(
            f"SELECT {chosen} FROM vitals "  # noqa: S608
            f"WHERE time >= {first * ROLLUP_MS}ms AND time < {(last + 1) * ROLLUP_MS}ms "
            f"GROUP BY time({ROLLUP_MS}ms), patient fill(none)"
        )
        return self._send(
            [
                f"vitals_1m,patient={one['tags']['patient']} {fields} {row[0] * _NS_PER_MS}"
                for one in series
                if one["tags"]["patient"] in patients
                for row in one["values"]
                if (fields := _fields(one["columns"], row))
            ]
        )

    def _query(self, query: str, method: str = "GET") -> list[dict[str, Any]]:
        """The series that InfluxQL gives."""
        try:
            answer = self._http.request_encode_url(
                method,
                f"{self._access.url}/query",
                fields={"db": self._access.bucket, "epoch": "ms", "q": query},
                headers={"Authorization": f"Token {self._access.token}"},
            )
        except urllib3.exceptions.HTTPError as error:
            raise TimeSeriesUnavailable(type(error).__name__) from error
        if answer.status >= _BAD_REQUEST:
            raise TimeSeriesUnavailable(f"HTTP {answer.status}")
        result = msgspec.json.decode(answer.data)["results"][0] if answer.data else {}
        return list(result.get("series", ()))


def _runs(minutes: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Runs of consecutive minutes, as first and last."""
    for _, run in groupby(enumerate(minutes), key=lambda pair: pair[1] - pair[0]):
        members = [minute for _, minute in run]
        yield members[0], members[-1]


def _fields(columns: Sequence[str], row: Sequence[float | None]) -> str:
    """The row's values as float fields, without the time and what is empty."""
    pairs = zip(columns[1:], row[1:], strict=True)
    return ",".join(f"{name}={float(value)!r}" for name, value in pairs if value is not None)


def _line(reading: StoredReading) -> str:
    """One reading in line protocol; every number a float, for ever (an integer field would stay one)."""
    values = {"quality": reading.quality, **reading.values}
    fields = ",".join(f"{name}={float(value)!r}" for name, value in values.items())
    tags = f"patient={reading.patient},device={reading.device},sensor={reading.sensor}"
    return f"vitals,{tags} {fields} {_time_ns(reading)}"


def _time_ns(reading: StoredReading) -> int:
    """Its time, with a place within the millisecond of its own: points of one time replace each other."""
    within_ns = int.from_bytes(reading.id[-8:]) % _NS_PER_MS
    return reading.measured_at_ms * _NS_PER_MS + within_ns


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
