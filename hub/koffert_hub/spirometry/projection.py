"""From the log to the sessions: where each session and the curve of each blow lies."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.clock import decode_basis, measured_at
from koffert_hub.database import inserts_or_ignores, upserts
from koffert_hub.database import reading as open_reading
from koffert_hub.spirometry.tables import spirometry_part
from koffert_hub.transmission_log import position
from koffert_wire.envelope import decode_header
from koffert_wire.messages import FORCED_VOLUME, Spirometry, WaveformBlock, decode_messages

NAME = "spirometry"
STEP_RECORDS = 500
# Where nothing but vitals came, the cursor is written this seldom: a commit costs the disk as much as theirs.
_REMEMBER_RECORDS = 10_000
_KEEP_CURSOR = upserts(tables.cursor, ("sequence",))
_NOTE_PART = inserts_or_ignores(spirometry_part)


class PartKind(StrEnum):
    """What a message is of a session."""

    SESSION = "session"
    CURVE = "curve"


# The kinds of transmissions that may hold a part, by what their header says.
_KINDS = frozenset({"spirometry", "waveform"})

Row = dict[str, object]


class SpirometryProjection:
    """Belongs to one thread. `follow` until it says that there was nothing more."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with open_reading(engine) as connection:
            cursor = tables.cursor.c
            found = connection.execute(sa.select(cursor.sequence).where(cursor.projection == NAME))
            self.cursor = self._remembered = found.scalar_one_or_none() or 0

    def follow(self, records: int = STEP_RECORDS) -> bool:
        """Take the next stretch of the log; whether there was one."""
        with open_reading(self._engine) as connection:
            end = min(position(connection).sequence, self.cursor + records)
            found = _parts_between(connection, self.cursor, end)
        if end <= self.cursor:
            return False
        if found or end - self._remembered >= _REMEMBER_RECORDS:
            self._note(found, end)
            self._remembered = end
        self.cursor = end
        return True

    def _note(self, found: list[Row], end: int) -> None:
        with self._engine.begin() as connection:
            dialect = connection.dialect.name
            living = registry.living(connection, {str(row["patient"]) for row in found})
            rows = [row for row in found if row["patient"] in living]
            if rows:
                connection.execute(_NOTE_PART[dialect], rows)
            connection.execute(_KEEP_CURSOR[dialect], {"projection": NAME, "sequence": end})


def rebuild(engine: sa.Engine, progress: Callable[[int], None]) -> int:
    """Forget where the sessions lie and find them again in the log. Returns how many."""
    with engine.begin() as connection:
        connection.execute(spirometry_part.delete())
        connection.execute(tables.cursor.delete().where(tables.cursor.c.projection == NAME))
    projection = SpirometryProjection(engine)
    while projection.follow():
        progress(projection.cursor)
    with open_reading(engine) as connection:
        sessions = sa.select(sa.func.count()).where(spirometry_part.c.kind == PartKind.SESSION)
        return int(connection.execute(sessions).scalar_one())


def _parts_between(connection: sa.Connection, after: int, until: int) -> list[Row]:
    body = tables.body.c
    rows = connection.execute(
        sa.select(body.log_sequence, body.patient, body.header, body.messages, body.time_basis)
        .where(body.log_sequence > after, body.log_sequence <= until, body.patient.is_not(None))
        .order_by(body.log_sequence)
    )
    return [part for row in rows for part in _parts(row)]


def _parts(row: Any) -> Iterable[Row]:
    if decode_header(row.header).kind not in _KINDS:
        return
    basis = decode_basis(row.time_basis)
    for message in decode_messages(row.messages):
        match message:
            case Spirometry():
                kind = PartKind.SESSION
            case WaveformBlock(waveform=waveform) if waveform == FORCED_VOLUME:
                kind = PartKind.CURVE
            case _:
                continue
        yield {
            "patient": row.patient,
            "id": message.id,
            "kind": kind,
            "log_sequence": row.log_sequence,
            "taken_ms": measured_at(message.at, basis).ms,
        }
