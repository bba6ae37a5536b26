"""Appending to and reading the transmission log, inside the caller's transaction."""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koffert_hub import tables
from koffert_hub.database import inserts_or_ignores
from koffert_hub.log_record import (
    GENESIS_HEAD,
    Direction,
    Event,
    LogRecord,
    Result,
    SignedHead,
    decode_record,
    encode_record,
    log_key_id,
    next_head,
    sign_head,
)
from koffert_hub.log_rotation import announcement
from koffert_hub.log_verify import LogPosition, LogRow

# A head is signed at the latest after so many records or so long (design of the register).
SIGN_EVERY_RECORDS = 1_000
SIGN_EVERY_MS = 10 * 60 * 1_000

_LOG = logging.getLogger(__name__)

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
_HEAD_COLUMNS = (
    tables.signed_head.c.sequence,
    tables.signed_head.c.at_ms,
    tables.signed_head.c.head,
    tables.signed_head.c.key_id,
    tables.signed_head.c.signature,
)
_KEEP_HEAD = inserts_or_ignores(tables.signed_head)
_POSITION = sa.select(tables.log_state.c.sequence, tables.log_state.c.head)


class Epoch(NamedTuple):
    """One life of the hub's database; a restored backup starts a new one."""

    id: bytes
    started_ms: int
    from_sequence: int
    complete_to: int


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
        self._rows.append(
            {
                "sequence": sequence,
                "record": record,
                "head": self._position.head,
                "at_ms": draft.at_ms,
                "device": draft.device,
            }
        )
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
    if not start_state(connection):
        return False
    open_epoch(connection, epoch, now_ms=now_ms)
    return True


def start_state(connection: sa.Connection) -> bool:
    """Put an empty log in place unless there is one; returns whether it did."""
    if connection.execute(sa.select(tables.log_state.c.id)).first() is not None:
        return False
    empty = {"id": _STATE_ROW, "sequence": 0, "head": GENESIS_HEAD, "epoch": b""}
    connection.execute(tables.log_state.insert(), empty)
    return True


def open_epoch(
    connection: sa.Connection,
    epoch: bytes,
    *,
    now_ms: int,
    cites: str | None = None,
    complete_to: int | None = None,
    bodies_to: int | None = None,
) -> None:
    """Start a new epoch after the last record; `cites` names the head that it goes on from.

    Boxes are asked again for what came after `complete_to`; `bodies_to` is the last record whose body is in the
    backup, which the log keeps. By default all are here.
    """
    last = connection.execute(sa.select(tables.log_state.c.sequence)).scalar_one()
    connection.execute(
        tables.hub_epoch.insert().values(
            id=epoch,
            started_ms=now_ms,
            from_sequence=last + 1,
            complete_to=last if complete_to is None else complete_to,
        )
    )
    connection.execute(tables.log_state.update().values(epoch=epoch))
    writer = LogWriter(connection)
    writer.add(draft(Event.EPOCH, Result.DONE, at_ms=now_ms, detail=cites, count=bodies_to))
    writer.flush()


def complete_through_restores(connection: sa.Connection, here: int) -> int:
    """`here`, or the lowest record that an earlier restore was complete to.

    A box that was away during that restore never heard of it: it must not take what was lost then as kept.
    """
    table = tables.hub_epoch
    first = sa.select(sa.func.min(table.c.number)).scalar_subquery()
    restores = sa.select(sa.func.min(table.c.complete_to)).where(table.c.number > first)
    lowest: int | None = connection.execute(restores).scalar_one()
    return here if lowest is None else min(here, lowest)


def current_epoch(connection: sa.Connection) -> Epoch:
    """The epoch that records are written in now."""
    table = tables.hub_epoch
    row = connection.execute(
        sa.select(table.c.id, table.c.started_ms, table.c.from_sequence, table.c.complete_to)
        .order_by(table.c.number.desc())
        .limit(1)
    ).one()
    return Epoch(*row)


def copy_rows(connection: sa.Connection, rows: Sequence[LogRow]) -> None:
    """Append rows of another copy of this log, which the caller has checked, and move the state."""
    if not rows:
        return
    records = [decode_record(row.record) for row in rows]
    connection.execute(
        _INSERT_RECORDS,
        [
            {**row._asdict(), "at_ms": record.at_ms, "device": record.device}
            for row, record in zip(rows, records, strict=True)
        ],
    )
    state = {"sequence": rows[-1].sequence, "head": rows[-1].head}
    connection.execute(_MOVE_STATE, state)


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


def signed_heads(
    connection: sa.Connection, after: int = 0, key_id: bytes | None = None
) -> list[SignedHead]:
    """The signed heads after record `after`, in order; of one key only if `key_id` is given."""
    table = tables.signed_head
    of_key = sa.true() if key_id is None else table.c.key_id == key_id
    rows = connection.execute(
        sa.select(*_HEAD_COLUMNS)
        .where(table.c.sequence > after, of_key)
        .order_by(table.c.sequence, table.c.key_id)
    )
    return [SignedHead(*row) for row in rows]


def last_signed_head(connection: sa.Connection, key_id: bytes) -> SignedHead | None:
    """The newest head that this key signed."""
    table = tables.signed_head
    row = connection.execute(
        sa.select(*_HEAD_COLUMNS)
        .where(table.c.key_id == key_id)
        .order_by(table.c.sequence.desc())
        .limit(1)
    ).first()
    return SignedHead(*row) if row else None


def keep_signed_head(connection: sa.Connection, signed: SignedHead) -> None:
    """Store a signed head; one that is known changes nothing."""
    statement = _KEEP_HEAD[connection.dialect.name]
    connection.execute(statement, msgspec.structs.asdict(signed))


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
        if _is_put_away(connection, key, here.sequence, last):
            _LOG.error(
                "the log key has been rotated: restart the hub, nothing is signed until then"
            )
            return last
    signed = sign_head(here.sequence, here.head, now_ms, key)
    with engine.begin() as connection:
        keep_signed_head(connection, signed)
    return signed


def _is_put_away(
    connection: sa.Connection, key: Ed25519PrivateKey, until: int, last: SignedHead | None
) -> bool:
    """Whether a record since the last head, up to `until`, announces another key in place of this one."""
    after = last.sequence if last else max(until - SIGN_EVERY_RECORDS, 0)
    own = log_key_id(key.public_key())
    announced = (
        announcement(decode_record(row.record))
        for row in rows_after(connection, after, until - after)
    )
    return any(one is not None and one.old_id == own for one in announced)
