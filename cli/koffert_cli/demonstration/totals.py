"""What a demonstration comes to: what the boxes acknowledged against what the hub holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from msgspec import Struct

from koffert_cli.demonstration.boxes import Acknowledged
from koffert_hub import tables
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.log_record import decode_record
from koffert_wire.messages import Reading, decode_messages

NS_PER_MS = 1_000_000


class Totals(Struct, frozen=True):
    """Readings on both sides; latency is from the meter's byte at the box to the hub's log."""

    measured: int
    stored: int
    lost: int
    duplicates: int
    alerts: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None


class Stored(NamedTuple):
    """One reading in a stored body."""

    id: bytes
    stored_ms: int


def totals(acknowledged: Iterable[Acknowledged], engine: sa.Engine) -> Totals:
    """Compare the two sides, reading by reading."""
    measured = {reading.id: reading.measured_ns for reading in acknowledged}
    with engine.connect() as connection:
        stored = list(stored_readings(connection))
        alerts = sum(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (alert_tables.alert, tables.technical_alert)
        )
    copies = Counter(reading.id for reading in stored)
    latencies_ms = sorted(
        reading.stored_ms - measured[reading.id] / NS_PER_MS
        for reading in stored
        if reading.id in measured
    )
    return Totals(
        measured=len(measured),
        stored=len(copies),
        lost=len(measured.keys() - copies.keys()),
        duplicates=copies.total() - len(copies),
        alerts=alerts,
        latency_p50_ms=percentile(latencies_ms, 0.50),
        latency_p99_ms=percentile(latencies_ms, 0.99),
    )


def stored_readings(connection: sa.Connection) -> Iterator[Stored]:
    """Every reading in every body of the log, as often as it stands there."""
    log, body = tables.transmission_log, tables.body
    rows = connection.execute(
        sa.select(log.c.record, body.c.messages).join(body, body.c.log_sequence == log.c.sequence)
    )
    for record, messages in rows:
        stored_ms = decode_record(record).at_ms
        for message in decode_messages(messages):
            if isinstance(message, Reading):
                yield Stored(message.id, stored_ms)


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the ordered values lie; None when there is none."""
    if not ordered:
        return None
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 1)
