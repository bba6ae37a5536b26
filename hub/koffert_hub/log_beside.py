"""Does what lies beside the log's records still say what they say? Names the first record for which it does not.

The chain proves the records. What is searched by (`at_ms`, `device`) repeats them, and what was sent lies in `body`
and `quarantine` under a salted hash: who changes one of these leaves the chain whole, and is found here. A body that
is gone is no fault where the log itself says why: its patient was erased, it was taken out of quarantine, or the
hub was restored from a backup that had not got it yet.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.log_record import (
    Event,
    LogRecord,
    Result,
    UnreadableRecord,
    decode_record,
    payload_hash,
)
from koffert_hub.log_verify import Fault, FirstBad, earliest

# What an erasure's record says when it tells of one payload of the quarantine; `detail` is that one's record.
QUARANTINE_CONTENT = "quarantine"

# Rows per read: bodies of documents have some kB each.
_PAGE_ROWS = 1_000
_LOG, _BODY, _HELD = tables.transmission_log.c, tables.body.c, tables.quarantine.c
_Row = sa.Row[*tuple[Any, ...]]
_COLUMNS = (_LOG.sequence, _LOG.record, _LOG.at_ms, _LOG.device)
_OF_BODY = (
    _BODY.log_sequence.label("body"),
    _BODY.patient,
    _BODY.loan,
    _BODY.salt,
    _BODY.header,
    _BODY.messages,
    _BODY.time_basis,
)


def first_false(connection: sa.Connection, last: int) -> FirstBad | None:
    """The first record that something beside the log contradicts; the records up to `last` are known to hold.

    Those after it may be damaged; they only tell why something is gone.
    """
    is_hub = has_bodies(connection)
    held = _quarantined(connection) if is_hub else {}
    gone, found = _Gone(), None
    for row in _rows(connection, with_bodies=is_hub):
        try:
            record = decode_record(row.record)
        except UnreadableRecord:
            continue
        gone.explained_by(record)
        if found or row.sequence > last:
            continue
        fault = _false(connection, row, record, held if is_hub else None)
        if fault is Fault.BODY_MISSING:
            gone.add(record)
        elif fault is not None:
            found = FirstBad(row.sequence, fault)
    return earliest(found, gone.first(), _unlogged(connection, last) if is_hub else None)


def false_beside(connection: sa.Connection, sequence: int) -> Fault | None:
    """What beside this one record, which holds, contradicts it; a body that is gone is missing, whyever it went."""
    is_hub = has_bodies(connection)
    row = connection.execute(_query(with_bodies=is_hub).where(_LOG.sequence == sequence)).one()
    held = _quarantined(connection) if is_hub else None
    return _false(connection, row, decode_record(row.record), held)


def has_bodies(connection: sa.Connection) -> bool:
    """Whether what was sent lies in this database too; a replica has the log alone."""
    return sa.inspect(connection).has_table(tables.body.name)


class _Gone:
    """Bodies and payloads that are not there, until a later record says why."""

    def __init__(self) -> None:
        self._of_patient: dict[str | None, int] = {}
        self._held: dict[int, LogRecord] = {}

    def add(self, record: LogRecord) -> None:
        """What `record` tells of is gone."""
        if record.result is Result.QUARANTINED:
            self._held[record.sequence] = record
        else:
            self._of_patient.setdefault(record.patient, record.sequence)

    def explained_by(self, record: LogRecord) -> None:
        """Forget what this later record explains."""
        if record.event is Event.ERASURE and record.content == QUARANTINE_CONTENT:
            self._held.pop(int(record.detail or 0), None)
        elif record.event is Event.ERASURE and record.patient is not None:
            self._of_patient.pop(record.patient, None)
        elif record.event is Event.REQUEUE:
            self._held = {n: one for n, one in self._held.items() if not _same(one, record)}
        elif record.event is Event.EPOCH and record.count is not None:
            kept = record.count
            self._of_patient = {who: n for who, n in self._of_patient.items() if n <= kept}
            self._held = {n: one for n, one in self._held.items() if n <= kept}

    def first(self) -> FirstBad | None:
        """The first that nothing has explained."""
        numbers = [*self._of_patient.values(), *self._held]
        return FirstBad(min(numbers), Fault.BODY_MISSING) if numbers else None


def _same(held: LogRecord, requeued: LogRecord) -> bool:
    """Whether `requeued` may be the payload that was held; one that had no readable header has no id."""
    return (
        held.device == requeued.device
        and held.bytes == requeued.bytes
        and held.transmission in (None, requeued.transmission)
    )


def _false(
    connection: sa.Connection, row: _Row, record: LogRecord, held: dict[int, int] | None
) -> Fault | None:
    """What is false beside `record`; `held` are the payloads in quarantine, None where no bodies lie."""
    fault = _false_column(row, record)
    if held is None or fault is not None:
        return fault
    if record.result is Result.QUARANTINED:
        return _false_payload(connection, held.get(row.sequence), record)
    return _false_body(row, record)


def _false_column(row: _Row, record: LogRecord) -> Fault | None:
    if row.at_ms != record.at_ms:
        return Fault.TIME_COLUMN
    return None if row.device == record.device else Fault.DEVICE_COLUMN


def _false_body(row: _Row, record: LogRecord) -> Fault | None:
    is_stored = record.result is Result.STORED and record.payload_hash is not None
    if row.body is None:
        return Fault.BODY_MISSING if is_stored else None
    if not is_stored:
        return Fault.BODY_NOT_LOGGED
    if (row.patient, row.loan) != (record.patient, record.loan):
        return Fault.BODY_OF_ANOTHER
    hashed = payload_hash(row.salt, row.header, row.messages, row.time_basis)
    return None if hashed == record.payload_hash else Fault.BODY_CHANGED


def _false_payload(connection: sa.Connection, item: int | None, record: LogRecord) -> Fault | None:
    """What was taken in again, or discarded, has left an empty payload; its record must say so."""
    columns = (_HELD.salt, _HELD.payload, _HELD.device)
    row = connection.execute(sa.select(*columns).where(_HELD.id == item)).first()
    if row is None or not row.payload:
        return Fault.BODY_MISSING
    if row.device != record.device:
        return Fault.BODY_OF_ANOTHER
    hashed = payload_hash(row.salt, row.payload)
    return None if hashed == record.payload_hash else Fault.BODY_CHANGED


def _quarantined(connection: sa.Connection) -> dict[int, int]:
    """By record, the payload of the quarantine that it tells of."""
    rows = connection.execute(sa.select(_HELD.log_sequence, _HELD.id))
    return {row.log_sequence: row.id for row in rows}


def _unlogged(connection: sa.Connection, last: int) -> FirstBad | None:
    """A body beyond the end of the log."""
    number = sa.select(sa.func.min(_BODY.log_sequence)).where(_BODY.log_sequence > last)
    beyond = connection.execute(number).scalar_one()
    return None if beyond is None else FirstBad(beyond, Fault.BODY_NOT_LOGGED)


def _rows(connection: sa.Connection, *, with_bodies: bool) -> Iterator[_Row]:
    """The records in order, with what was sent beside each."""
    query = _query(with_bodies=with_bodies).order_by(_LOG.sequence).limit(_PAGE_ROWS)
    after = 0
    while page := connection.execute(query.where(_LOG.sequence > after)).all():
        yield from page
        after = page[-1].sequence


def _query(*, with_bodies: bool) -> sa.Select[*tuple[Any, ...]]:
    if not with_bodies:
        return sa.select(*_COLUMNS)
    joined = tables.transmission_log.outerjoin(tables.body, _BODY.log_sequence == _LOG.sequence)
    return sa.select(*_COLUMNS, *_OF_BODY).select_from(joined)
