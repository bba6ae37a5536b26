"""Reading sessions for a page, and whom their reference values are for."""

from typing import NamedTuple

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.corrections import Struck, struck
from koffert_hub.spirometry.person import Physique
from koffert_hub.spirometry.projection import PartKind
from koffert_hub.spirometry.tables import physique, spirometry_part
from koffert_signal.reference.gli import Reference, Sex
from koffert_wire.messages import Spirometry, WaveformBlock, decode_messages

# Two sessions a day for half a year; more are a period away.
SESSIONS_SHOWN = 400


class SessionLine(NamedTuple):
    """One session as the box told it, the log record it came under, and who said that it does not count."""

    taken_ms: int
    session: Spirometry
    body_sequence: int
    struck: Struck | None

    @property
    def id(self) -> str:
        """How an address names it."""
        return self.session.id.hex()


class StoredPhysique(Struct, frozen=True):
    """What somebody entered of a patient's build, and who it was."""

    physique: Physique
    by: str
    at_ms: int


def sessions(connection: sa.Connection, patient: str) -> list[SessionLine]:
    """The newest sessions of a patient, newest first, also those that do not count."""
    wrong = struck(connection, patient)
    part, body = spirometry_part.c, tables.body.c
    rows = connection.execute(
        sa.select(part.id, part.taken_ms, part.log_sequence, body.messages)
        .join(tables.body, body.log_sequence == part.log_sequence)
        .where(part.patient == patient, part.kind == PartKind.SESSION)
        .order_by(part.taken_ms.desc(), part.id)
        .limit(SESSIONS_SHOWN)
    )
    return [
        SessionLine(row.taken_ms, message, row.log_sequence, wrong.get(message.id))
        for row in rows
        for message in decode_messages(row.messages)
        if isinstance(message, Spirometry) and message.id == row.id
    ]


def curves(connection: sa.Connection, patient: str, session: Spirometry) -> list[WaveformBlock]:
    """The curves of a session that have arrived, in the order the blows were made."""
    part, body = spirometry_part.c, tables.body.c
    rows = connection.execute(
        sa.select(part.id, body.messages)
        .join(tables.body, body.log_sequence == part.log_sequence)
        .where(
            part.patient == patient,
            part.kind == PartKind.CURVE,
            part.id.in_(session.curves),
        )
    )
    found = {
        message.id: message
        for row in rows
        for message in decode_messages(row.messages)
        if isinstance(message, WaveformBlock) and message.id == row.id
    }
    return [found[each] for each in session.curves if each in found]


def write_physique(
    connection: sa.Connection,
    patient: str,
    entered: Physique,
    username: str,
    display_name: str,
    *,
    now_ms: int,
) -> None:
    """Add what somebody knows of a patient's build; what was said before stays on record."""
    connection.execute(
        physique.insert().values(
            patient=patient,
            sex=entered.sex.value,
            birth_date=entered.birth_date.isoformat(),
            height_cm=entered.height_cm,
            reference=entered.reference.value,
            username=username,
            display_name=display_name,
            at_ms=now_ms,
        )
    )


def physique_of(connection: sa.Connection, patient: str) -> StoredPhysique | None:
    """What was entered last; None when nobody has."""
    row = connection.execute(
        sa.select(physique)
        .where(physique.c.patient == patient)
        .order_by(physique.c.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    entered = Physique.entered(
        Sex(row.sex), row.birth_date, row.height_cm, Reference(row.reference)
    )
    return StoredPhysique(entered, row.display_name, row.at_ms)
