"""From the log to documents: parts are noted as they come, a document is filed when it is whole.

A still may take a second to read. That is done while nothing is locked; only the result is written in a
transaction, so that taking in never waits for it.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.clock import decode_basis, measured_at
from koffert_hub.database import inserts_or_ignores, upserts
from koffert_hub.database import reading as open_reading
from koffert_hub.documents.records import Reason, State
from koffert_hub.documents.tables import document, document_part
from koffert_hub.documents.understanding import Known, Understood, understand
from koffert_hub.transmission_log import position
from koffert_wire.documents import DamagedDocument, join
from koffert_wire.envelope import decode_header
from koffert_wire.messages import DocumentPart, decode_messages

NAME = "documents"
KIND = "document-part"
STEP_RECORDS = 500
# Where nothing but vitals came, the cursor is written this seldom: a commit costs the disk as much as theirs.
_REMEMBER_RECORDS = 10_000
# 96 bits: no two documents of a country collide.
_ID_DIGITS = 24
_NS_PER_MS = 1_000_000
_ENCODE = msgspec.msgpack.Encoder().encode
_KEEP_CURSOR = upserts(tables.cursor, ("sequence",))
_NOTE_PART = inserts_or_ignores(document_part)
_KEEP_DOCUMENT = inserts_or_ignores(document)

Key = tuple[str, bytes]


class _Piece(NamedTuple):
    """A part, and the row of `body` that it came in."""

    part: DocumentPart
    log_sequence: int
    patient: str
    loan: str | None
    taken_ms: int
    received_ms: int

    @property
    def key(self) -> Key:
        return self.patient, self.part.document


class DocumentProjection:
    """Belongs to one thread. `follow` until it says that there was nothing more.

    `cursor` is the log record up to which it has read.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with open_reading(engine) as connection:
            self.cursor = self._remembered = _cursor(connection)
            # What was whole when the hub stopped before it was filed.
            self._whole = _whole(connection, None)

    def follow(self, records: int = STEP_RECORDS) -> bool:
        """Take the next stretch of the log; whether there was one."""
        self._file_whole()
        with open_reading(self._engine) as connection:
            end = min(position(connection).sequence, self.cursor + records)
            pieces = _pieces_between(connection, self.cursor, end)
        if end <= self.cursor:
            return False
        if pieces or end - self._remembered >= _REMEMBER_RECORDS:
            self._note(pieces, end)
            self._remembered = end
        self.cursor = end
        self._file_whole()
        return True

    def _note(self, pieces: list[_Piece], end: int) -> None:
        with self._engine.begin() as connection:
            dialect = connection.dialect.name
            rows = [_row(piece) for piece in _wanted(connection, pieces)]
            if rows:
                connection.execute(_NOTE_PART[dialect], rows)
            connection.execute(_KEEP_CURSOR[dialect], {"projection": NAME, "sequence": end})
            self._whole = _whole(connection, {piece.key for piece in pieces})

    def _file_whole(self) -> None:
        for key in self._whole:
            with open_reading(self._engine) as connection:
                pieces = _pieces_of(connection, key)
                person = _person(connection, key[0])
            found = None if not pieces else _document(pieces, person)
            with self._engine.begin() as connection:
                if found is not None and registry.living(connection, {key[0]}):
                    connection.execute(_KEEP_DOCUMENT[connection.dialect.name], found)
                _forget_parts(connection, key)
        self._whole = []


def rebuild(engine: sa.Engine, progress: Callable[[int], None]) -> int:
    """Drop the documents and make them again from the log; what people decided stays. Returns how many."""
    with engine.begin() as connection:
        connection.execute(document.delete())
        connection.execute(document_part.delete())
        connection.execute(tables.cursor.delete().where(tables.cursor.c.projection == NAME))
    projection = DocumentProjection(engine)
    while projection.follow():
        progress(projection.cursor)
    with open_reading(engine) as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(document))
        return int(count.scalar_one())


def document_id(patient: str, content_sha256: bytes) -> str:
    """The same file of the same patient is one document, whichever way it came and how often."""
    return "d-" + sha256(patient.encode() + b"\0" + content_sha256).hexdigest()[:_ID_DIGITS]


def _document(pieces: list[_Piece], person: Known | None) -> dict[str, object]:
    """The row of a document whose parts are all there."""
    first = min(pieces, key=lambda piece: piece.part.index)
    try:
        content = join([piece.part for piece in pieces])
    except DamagedDocument:
        content = b"".join(piece.part.content for piece in pieces)
        understood = Understood(State.HELD, Reason.WRONG_HASH)
    else:
        understood = understand(content, person)
    digest = sha256(content).digest()
    return {
        "id": document_id(first.patient, digest),
        "patient": first.patient,
        "loan": first.loan,
        "log_sequence": max(piece.log_sequence for piece in pieces),
        "taken_ms": first.taken_ms,
        "received_ms": max(piece.received_ms for piece in pieces),
        "kind": first.part.kind,
        "media_type": first.part.media_type,
        "sha256": digest,
        "state": understood.state,
        "reason": understood.reason,
        "content": content,
        "summary": None if understood.summary is None else _ENCODE(understood.summary),
        "leads": understood.leads,
    }


_BODY = tables.body.c
_BODIES = sa.select(
    _BODY.log_sequence,
    _BODY.patient,
    _BODY.loan,
    _BODY.header,
    _BODY.messages,
    _BODY.time_basis,
)


def _pieces_between(connection: sa.Connection, after: int, until: int) -> list[_Piece]:
    return _pieces(
        connection.execute(
            _BODIES.where(
                _BODY.log_sequence > after,
                _BODY.log_sequence <= until,
                _BODY.patient.is_not(None),
            ).order_by(_BODY.log_sequence)
        )
    )


def _pieces_of(connection: sa.Connection, key: Key) -> list[_Piece]:
    part = document_part.c
    rows = connection.execute(
        _BODIES.join(document_part, part.log_sequence == _BODY.log_sequence)
        .where(part.patient == key[0], part.document == key[1])
        .order_by(part.number)
    )
    return [piece for piece in _pieces(rows) if piece.key == key]


def _pieces(rows: Iterable[Any]) -> list[_Piece]:
    found: list[_Piece] = []
    for row in rows:
        if decode_header(row.header).kind != KIND:
            continue
        basis = decode_basis(row.time_basis)
        found += (
            _Piece(
                message,
                row.log_sequence,
                row.patient,
                row.loan,
                measured_at(message.at, basis).ms,
                basis.received_ns // _NS_PER_MS,
            )
            for message in decode_messages(row.messages)
            if isinstance(message, DocumentPart) and 0 <= message.index < message.total
        )
    return found


def _wanted(connection: sa.Connection, pieces: list[_Piece]) -> list[_Piece]:
    """Those whose patient has not been erased and whose document is not there already."""
    living = registry.living(connection, {piece.patient for piece in pieces})
    ids = {piece: document_id(piece.patient, piece.part.sha256) for piece in pieces}
    rows = connection.execute(sa.select(document.c.id).where(document.c.id.in_(set(ids.values()))))
    known = set(rows.scalars())
    return [piece for piece in pieces if piece.patient in living and ids[piece] not in known]


def _row(piece: _Piece) -> dict[str, object]:
    return {
        "patient": piece.patient,
        "document": piece.part.document,
        "number": piece.part.index,
        "total": piece.part.total,
        "log_sequence": piece.log_sequence,
    }


def _whole(connection: sa.Connection, among: set[Key] | None) -> list[Key]:
    """Documents of which every part is there, by when the last one came; None: among all."""
    part = document_part.c
    rows = connection.execute(
        sa.select(part.patient, part.document)
        .where(sa.true() if among is None else part.document.in_([key[1] for key in among]))
        .group_by(part.patient, part.document)
        .having(sa.func.count() == sa.func.max(part.total))
        .order_by(sa.func.max(part.log_sequence))
    )
    return [(row.patient, row.document) for row in rows]


def _forget_parts(connection: sa.Connection, key: Key) -> None:
    part = document_part.c
    connection.execute(
        document_part.delete().where(part.patient == key[0], part.document == key[1])
    )


def _person(connection: sa.Connection, patient: str) -> Known | None:
    person = tables.person.c
    row = connection.execute(
        sa.select(person.display_name, person.birth_number).where(person.patient == patient)
    ).first()
    return None if row is None else Known(*row)


def _cursor(connection: sa.Connection) -> int:
    cursor = tables.cursor.c
    found = connection.execute(sa.select(cursor.sequence).where(cursor.projection == NAME))
    return found.scalar_one_or_none() or 0
