"""A nurse's words on the patient's screen: sent with the box's desired state, until the patient has read them.

One stands there at a time, the oldest first. In the caller's transaction.
"""

import secrets
from datetime import datetime

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.loans import LoanState
from koffert_hub.provisioning.tables import desired_state, nurse_message
from koffert_hub.registry import RegistryError
from koffert_hub.times import to_ms
from koffert_wire.commands import NurseMessage
from koffert_wire.identifiers import uuid7

_ENCODE = msgspec.msgpack.Encoder().encode
# A screen full of old words is not read.
MOST_UNREAD = 5
_UUID7_RANDOM_BYTES = 10
_NS_PER_MS = 1_000_000


class Written(Struct, frozen=True):
    """A message; `read_ms` is when the patient pressed that it is read, by the hub's clock."""

    id: bytes
    at_ms: int
    display_name: str
    text: str
    read_ms: int | None


def write(
    connection: sa.Connection,
    patient: str,
    text: str,
    *,
    username: str,
    display_name: str,
    now: datetime,
) -> bytes:
    """Show `text` on the box that the patient has; returns the message's id.

    Raises RegistryError where there is no box, or too much is not read.
    """
    loan = _active_loan(connection, patient)
    table = nurse_message
    unread = sa.select(sa.func.count()).where(table.c.loan == loan, table.c.read_ms.is_(None))
    if connection.execute(unread).scalar_one() >= MOST_UNREAD:
        raise RegistryError(f"{MOST_UNREAD} messages are not read yet")
    identifier = uuid7(to_ms(now) * _NS_PER_MS, secrets.token_bytes(_UUID7_RANDOM_BYTES))
    connection.execute(
        table.insert().values(
            id=identifier,
            loan=loan,
            patient=patient,
            at_ms=to_ms(now),
            username=username,
            display_name=display_name,
            text=text,
        )
    )
    _show_the_oldest(connection, loan, now)
    return identifier


def written(connection: sa.Connection, patient: str) -> list[Written]:
    """Every message that a patient was sent, the newest first."""
    table = nurse_message
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Written.__struct_fields__))
        .where(table.c.patient == patient)
        .order_by(table.c.at_ms.desc(), table.c.id.desc())
    )
    return [Written(**row._asdict()) for row in rows]


def note_read(
    connection: sa.Connection, loan: str | None, message: bytes, read_ms: int, now: datetime
) -> None:
    """The patient of this loan has read a message; the next one follows. Another loan's changes nothing."""
    table = nurse_message
    marked = connection.execute(
        table.update()
        .where(table.c.id == message, table.c.loan == loan, table.c.read_ms.is_(None))
        .values(read_ms=read_ms)
    )
    if loan is not None and marked.rowcount:
        _show_the_oldest(connection, loan, now)


def _show_the_oldest(connection: sa.Connection, loan: str, now: datetime) -> None:
    """Want of the loan's box that it shows what is not read."""
    unread, table = nurse_message, desired_state
    oldest = connection.execute(
        sa.select(unread.c.id, unread.c.at_ms, unread.c.text)
        .where(unread.c.loan == loan, unread.c.read_ms.is_(None))
        .order_by(unread.c.at_ms, unread.c.id)
        .limit(1)
    ).first()
    packed = None if oldest is None else _ENCODE(NurseMessage(*oldest))
    connection.execute(
        table.update()
        .where(table.c.loan == loan, table.c.message.is_distinct_from(packed))
        .values(message=packed, revision=table.c.revision + 1, changed_ms=to_ms(now))
    )


def _active_loan(connection: sa.Connection, patient: str) -> str:
    loan, table = tables.loan, desired_state
    found: str | None = connection.execute(
        sa.select(loan.c.id)
        .join(table, table.c.loan == loan.c.id)
        .where(loan.c.patient == patient, loan.c.state == LoanState.ACTIVE)
    ).scalar_one_or_none()
    if found is None:
        raise RegistryError(f"no box is with patient {patient}")
    return found
