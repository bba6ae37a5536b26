"""Looking transmissions up while a caller waits: by device and time through the index, then by the record."""

from collections.abc import Iterator

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.log_record import Event, LogRecord, decode_record


class Query(Struct, frozen=True, kw_only=True):
    """What is looked for; None means any."""

    device: str | None = None
    patient: str | None = None
    loan: str | None = None
    transmission: str | None = None
    event: Event | None = None
    from_ms: int | None = None
    until_ms: int | None = None


def search(connection: sa.Connection, query: Query, limit: int) -> Iterator[LogRecord]:
    """Matching records, the newest first, at most `limit`."""
    table = tables.transmission_log
    statement = sa.select(table.c.record).order_by(table.c.sequence.desc())
    if query.device is not None:
        statement = statement.where(table.c.device == query.device)
    if query.from_ms is not None:
        statement = statement.where(table.c.at_ms >= query.from_ms)
    if query.until_ms is not None:
        statement = statement.where(table.c.at_ms < query.until_ms)
    rows = connection.execution_options(yield_per=1_000).execute(statement)
    left = limit
    for row in rows:
        record = decode_record(row.record)
        if left > 0 and _matches(record, query):
            left -= 1
            yield record
        if left == 0:
            rows.close()
            return


def _matches(record: LogRecord, query: Query) -> bool:
    wanted = (
        (query.device, record.device),
        (query.patient, record.patient),
        (query.loan, record.loan),
        (query.transmission, record.transmission),
        (query.event, record.event),
    )
    return all(asked is None or asked == found for asked, found in wanted)
