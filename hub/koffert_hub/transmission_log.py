"""Appending to and reading the transmission log, inside the caller's transaction."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import tables
from koffert_hub.log_record import (
    GENESIS_HEAD,
    Direction,
    Event,
    LogRecord,
    Result,
    SignedHead,
    encode_record,
    next_head,
    sign_head,
)
from koffert_hub.log_verify import LogPosition, LogRow

# A head is signed at the latest after so many records or so long (design of the register).
SIGN_EVERY_RECORDS = 1_000
SIGN_EVERY_MS = 10 * 60 * 1_000

_STATE_ROW = 1
# Rows per read while walking the whole log: some 4 MB at a time.
_PAGE_ROWS = 10_000


# Statements of the hot path are built once: building one costs SQLAlchemy more than running it.
_LOCK_STATE = (
    sa.select(tables.log_state.c.sequence, tables.log_state.c.head, tables.log_state.c.epoch)
    .where(tables.log_state.c.id == _STATE_ROW)
    .with_for_update()
)
_MOVE_STATE = tables.log_state.update().values(
    sequence=sa.bindparam("sequence"), head=sa.bindparam("head")
)
_INSERT_RECORDS = tables.transmission_log.insert()
_POSITION = sa.select(tables.log_state.c.sequence, tables.log_state.c.head)


class Epoch(NamedTuple):
    """One life of the hub's database; a restored backup starts a new one."""

    id: bytes
    started_ms: int
    from_sequence: int


class LogWriter:
    """Appends records under the lock that it takes; `flush` before the transaction commits.

    The one row of `log_state` is held from here to the commit, so numbers never skip and a reader that
    has seen n has seen all before n.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        row = connection.execute(_LOCK_STATE).one()
        self._position = LogPosition(row.sequence, row.head)
        self.epoch: bytes = row.epoch
        self._rows: list[dict[str, object]] = []

    @property
    def position(self) -> LogPosition:
        """The last record's number and the head after it, with what was added here."""
        return self._position

    def add(self, draft: LogRecord) -> int:
        """Append a record; its `sequence` and `epoch` are set here. Returns the sequence."""
        sequence = self._position.sequence + 1
        record = encode_record(
            msgspec.structs.replace(draft, sequence=sequence, epoch=self.epoch.hex())
        )
        self._position = LogPosition(sequence, next_head(self._position.head, record))
        self._rows.append({"sequence": sequence, "record": record, "head": self._position.head})
        return sequence

    def flush(self) -> LogPosition:
        """Write what was added; returns the position after it."""
        if self._rows:
            self._connection.execute(_INSERT_RECORDS, self._rows)
            self._connection.execute(_MOVE_STATE, self._position._asdict())
            self._rows = []
        return self._position


def draft(event: Event, result: Result, *, at_ms: int, **fields: object) -> LogRecord:
    """A record of something that the hub itself did; `LogWriter.add` numbers it."""
    record = LogRecord(
        sequence=0, epoch="", at_ms=at_ms, event=event, direction=Direction.HUB, result=result
    )
    return msgspec.structs.replace(record, **fields)


def begin_log(connection: sa.Connection, epoch: bytes, *, now_ms: int) -> bool:
    """Start the log's first epoch unless there is one; returns whether this was the first start."""
    if connection.execute(sa.select(tables.log_state.c.id)).first() is not None:
        return False
    connection.execute(
        tables.log_state.insert().values(id=_STATE_ROW, sequence=0, head=GENESIS_HEAD, epoch=epoch)
    )
    open_epoch(connection, epoch, now_ms=now_ms)
    return True


def open_epoch(
    connection: sa.Connection, epoch: bytes, *, now_ms: int, cites: str | None = None
) -> None:
    """Start a new epoch after the last record; `cites` names the head that it goes on from."""
    last = connection.execute(sa.select(tables.log_state.c.sequence)).scalar_one()
    connection.execute(
        tables.hub_epoch.insert().values(id=epoch, started_ms=now_ms, from_sequence=last + 1)
    )
    connection.execute(tables.log_state.update().values(epoch=epoch))
    writer = LogWriter(connection)
    writer.add(draft(Event.EPOCH, Result.DONE, at_ms=now_ms, detail=cites))
    writer.flush()


def current_epoch(connection: sa.Connection) -> Epoch:
    """The epoch that records are written in now."""
    table = tables.hub_epoch
    row = connection.execute(
        sa.select(table.c.id, table.c.started_ms, table.c.from_sequence)
        .order_by(table.c.number.desc())
        .limit(1)
    ).one()
    return Epoch(row.id, row.started_ms, row.from_sequence)


def position(connection: sa.Connection) -> LogPosition:
    """The last record's number and the head after it."""
    row = connection.execute(_POSITION).one()
    return LogPosition(row.sequence, row.head)


def rows_after(
    connection: sa.Connection, sequence: int, limit: int | None = None
) -> Iterator[LogRow]:
    """The log's rows after `sequence`, in order, read page by page."""
    table = tables.transmission_log
    left = limit
    while left is None or left > 0:
        page = connection.execute(
            sa.select(table.c.sequence, table.c.record, table.c.head)
            .where(table.c.sequence > sequence)
            .order_by(table.c.sequence)
            .limit(_PAGE_ROWS if left is None else min(left, _PAGE_ROWS))
        ).all()
        if not page:
            return
        yield from (LogRow(row.sequence, row.record, row.head) for row in page)
        sequence = page[-1].sequence
        left = None if left is None else left - len(page)


def signed_heads(connection: sa.Connection, after: int = 0) -> list[SignedHead]:
    """The signed heads after record `after`, in order."""
    table = tables.signed_head
    rows = connection.execute(
        sa.select(table).where(table.c.sequence > after).order_by(table.c.sequence)
    )
    return [SignedHead(r.sequence, r.at_ms, r.head, r.key_id, r.signature) for r in rows]


def last_signed_head(connection: sa.Connection) -> SignedHead | None:
    """The newest signed head."""
    table = tables.signed_head
    row = connection.execute(sa.select(table).order_by(table.c.sequence.desc()).limit(1)).first()
    if row is None:
        return None
    return SignedHead(row.sequence, row.at_ms, row.head, row.key_id, row.signature)


def head_is_due(last: SignedHead | None, now: LogPosition, now_ms: int) -> bool:
    """Whether the head `now` should be signed."""
    if last is None:
        return now.sequence > 0
    if now.sequence == last.sequence:
        return False
    return (
        now.sequence - last.sequence >= SIGN_EVERY_RECORDS or now_ms - last.at_ms >= SIGN_EVERY_MS
    )


def sign_due_head(
    engine: sa.Engine, key: Ed25519PrivateKey, *, now_ms: int, last: SignedHead | None
) -> SignedHead | None:
    """Sign the present head if it is due; returns the newest signed head. One process may do this."""
    with engine.connect().execution_options(koffert_read_only=True) as connection:
        here = position(connection)
    if not head_is_due(last, here, now_ms):
        return last
    signed = sign_head(here.sequence, here.head, now_ms, key)
    with engine.begin() as connection:
        connection.execute(tables.signed_head.insert().values(msgspec.structs.asdict(signed)))
    return signed
