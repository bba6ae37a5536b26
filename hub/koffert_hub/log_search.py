"""Looking transmissions up while a caller waits: by device and time through the index, then by the record."""

import operator
from collections.abc import Iterator

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.log_record import Direction, Event, LogRecord, Result, decode_record


class Query(Struct, frozen=True, kw_only=True):
    """What is looked for; None means any. `after` and `before` are sequences, both exclusive."""

    device: str | None = None
    patient: str | None = None
    loan: str | None = None
    transmission: str | None = None
    event: Event | None = None
    direction: Direction | None = None
    result: Result | None = None
    content: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    after: int | None = None
    before: int | None = None


class Page(Struct, frozen=True):
    """Matching records, the newest first; `before` goes on where the looking stopped, None at the end."""

    records: list[LogRecord]
    before: int | None


def search(connection: sa.Connection, query: Query, limit: int) -> Iterator[LogRecord]:
    """Matching records, the newest first, at most `limit`."""
    rows = connection.execution_options(yield_per=1_000).execute(_candidates(query))
    left = limit
    for row in rows:
        record = decode_record(row.record)
        if left > 0 and _matches(record, query):
            left -= 1
            yield record
        if left == 0:
            rows.close()
            return


def search_page(connection: sa.Connection, query: Query, limit: int, scan: int) -> Page:
    """At most `limit` matches among the next `scan` records: an answer in time, however rare they are."""
    found: list[LogRecord] = []
    looked = 0
    rows = connection.execution_options(yield_per=1_000).execute(_candidates(query).limit(scan))
    for looked, row in enumerate(rows, start=1):
        record = decode_record(row.record)
        if _matches(record, query):
            found.append(record)
        if len(found) == limit or looked == scan:
            rows.close()
            return Page(found, record.sequence)
    return Page(found, None)


def _candidates(query: Query) -> sa.Select[tuple[bytes]]:
    """What the indexes can tell."""
    table = tables.transmission_log
    bounds = (
        (table.c.device, operator.eq, query.device),
        (table.c.at_ms, operator.ge, query.from_ms),
        (table.c.at_ms, operator.lt, query.until_ms),
        (table.c.sequence, operator.gt, query.after),
        (table.c.sequence, operator.lt, query.before),
    )
    return (
        sa.select(table.c.record)
        .where(*(compare(column, asked) for column, compare, asked in bounds if asked is not None))
        .order_by(table.c.sequence.desc())
    )


def _matches(record: LogRecord, query: Query) -> bool:
    wanted = (
        (query.device, record.device),
        (query.patient, record.patient),
        (query.loan, record.loan),
        (query.transmission, record.transmission),
        (query.event, record.event),
        (query.direction, record.direction),
        (query.result, record.result),
        (query.content, record.content),
    )
    return all(asked is None or asked == found for asked, found in wanted)
