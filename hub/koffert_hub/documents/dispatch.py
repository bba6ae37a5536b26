"""Stills sent to a receiving unit, and the unit's receipt. Each step is a record of the transmission log."""

from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub.documents.records import DocumentLine, State
from koffert_hub.documents.tables import document_dispatch
from koffert_hub.log_record import Event, LogRecord, Result
from koffert_hub.transmission_log import LogWriter, draft

# So long a unit may open what it was sent.
SHOWN_MS = 30 * 24 * 3_600_000
# A unit that watches answers within minutes; after this the sender is told to ring.
LATE_MS = 5 * 60_000


class NotToBeSent(Exception):
    """The document is not known to be the patient's: somebody decides first."""


class NoSuchDispatch(Exception):
    """This unit was sent nothing of this id, or too long ago."""


class Dispatch(Struct, frozen=True, kw_only=True):
    """A document on its way to a unit; `receiver` is who there said that it has come, None before that."""

    id: int
    document: str
    patient: str
    unit: str
    sent_ms: int
    sender: str
    received_ms: int | None
    receiver: str | None

    def late(self, now_ms: int) -> bool:
        """Whether it should have been received by now."""
        return self.received_ms is None and now_ms - self.sent_ms > LATE_MS


class Hand(Struct, frozen=True):
    """Who sends or receives: the account, and the name as it was then."""

    username: str
    display_name: str


def send(
    connection: sa.Connection, line: DocumentLine, unit: str, hand: Hand, *, now_ms: int
) -> None:
    """Send a filed document to a unit; one that it has not received yet is not sent twice. Raises NotToBeSent."""
    if line.state is not State.FILED:
        raise NotToBeSent(f"{line.id} is {line.state}")
    table = document_dispatch
    waiting = connection.execute(
        sa.select(table.c.id).where(
            table.c.document == line.id, table.c.unit == unit, table.c.received_ms.is_(None)
        )
    ).first()
    if waiting is not None:
        return
    connection.execute(
        table.insert().values(
            document=line.id,
            patient=line.patient,
            unit=unit,
            sent_ms=now_ms,
            sent_by=hand.username,
            sender=hand.display_name,
        )
    )
    _log(
        connection,
        draft(
            Event.DISPATCH,
            Result.SENT,
            at_ms=now_ms,
            patient=line.patient,
            content="document",
            detail=f"{line.id} {unit}",
        ),
    )


def receive(
    connection: sa.Connection, identifier: int, unit: str, hand: Hand, *, now_ms: int
) -> bool:
    """The unit's receipt; False when a colleague gave it before. Raises NoSuchDispatch."""
    found = sent_to(connection, unit, identifier, now_ms=now_ms)
    table = document_dispatch
    changed = connection.execute(
        table.update()
        .where(table.c.id == identifier, table.c.received_ms.is_(None))
        .values(received_ms=now_ms, received_by=hand.username, receiver=hand.display_name)
    )
    if changed.rowcount == 0:
        return False
    _log(
        connection,
        draft(
            Event.RECEPTION,
            Result.DONE,
            at_ms=now_ms,
            patient=found.patient,
            content="document",
            detail=f"{found.document} {unit}",
        ),
    )
    return True


def sent_to(connection: sa.Connection, unit: str, identifier: int, *, now_ms: int) -> Dispatch:
    """One document that this unit was sent; raises NoSuchDispatch."""
    table = document_dispatch
    row = connection.execute(_LINE.where(table.c.id == identifier, *_open_to(unit, now_ms))).first()
    if row is None:
        raise NoSuchDispatch(f"{unit} was not sent {identifier}")
    return _dispatch(row)


def inbox(connection: sa.Connection, unit: str, *, now_ms: int) -> list[Dispatch]:
    """What a unit was sent: first what it has not received, then the newest."""
    table = document_dispatch
    rows = connection.execute(
        _LINE.where(*_open_to(unit, now_ms)).order_by(
            table.c.received_ms.is_not(None), table.c.id.desc()
        )
    )
    return [_dispatch(row) for row in rows]


def sent_of(connection: sa.Connection, patient: str) -> list[Dispatch]:
    """What was sent of a patient, the newest first."""
    table = document_dispatch
    rows = connection.execute(_LINE.where(table.c.patient == patient).order_by(table.c.id.desc()))
    return [_dispatch(row) for row in rows]


def patients_unreceived(connection: sa.Connection) -> frozenset[str]:
    """Whose documents were sent and not received yet."""
    table = document_dispatch
    rows = connection.execute(sa.select(table.c.patient).where(table.c.received_ms.is_(None)))
    return frozenset(rows.scalars())


_LINE = sa.select(*(document_dispatch.c[name] for name in Dispatch.__struct_fields__))


def _open_to(unit: str, now_ms: int) -> "tuple[sa.ColumnElement[bool], ...]":
    table = document_dispatch
    return table.c.unit == unit, table.c.sent_ms > now_ms - SHOWN_MS


def _dispatch(row: Any) -> Dispatch:
    return Dispatch(**row._asdict())


def _log(connection: sa.Connection, record: LogRecord) -> None:
    writer = LogWriter(connection)
    writer.add(record)
    writer.flush()
