"""Reading documents for a page or a command, and deciding about one that is held."""

from typing import Any

import msgspec
import sqlalchemy as sa

from koffert_drivers.stills.records import Lead
from koffert_hub.documents.records import (
    Document,
    DocumentLine,
    NoSuchDocument,
    NothingToDecide,
    Reason,
    State,
    Summary,
)
from koffert_hub.documents.signals import unpack_leads
from koffert_hub.documents.tables import document, document_decision
from koffert_hub.log_record import Event, Result
from koffert_hub.transmission_log import LogWriter, draft

_SUMMARY = msgspec.msgpack.Decoder(Summary)
_JOINED = document.outerjoin(document_decision, document_decision.c.document == document.c.id)
_STATE = sa.func.coalesce(document_decision.c.state, document.c.state)
_LINE = (
    document.c.id,
    document.c.patient,
    document.c.loan,
    document.c.taken_ms,
    document.c.received_ms,
    document.c.kind,
    document.c.media_type,
    sa.func.length(document.c.content).label("size_bytes"),
    document.c.sha256,
    _STATE.label("state"),
    document.c.reason,
    document_decision.c.by,
    document_decision.c.at_ms,
)


def list_documents(
    connection: sa.Connection, patient: str | None = None, state: State | None = None
) -> list[DocumentLine]:
    """Documents, the newest first: of one patient or of all, in one state or in any."""
    query = sa.select(*_LINE).select_from(_JOINED)
    if patient is not None:
        query = query.where(document.c.patient == patient)
    if state is not None:
        query = query.where(_STATE.in_([state]))
    rows = connection.execute(query.order_by(document.c.taken_ms.desc(), document.c.id))
    return [_line(row) for row in rows]


def fetch_document(connection: sa.Connection, identifier: str) -> Document:
    """One document with its content; raises NoSuchDocument."""
    row = _find(connection, identifier, document.c.summary, document.c.content)
    summary = None if row.summary is None else _SUMMARY.decode(row.summary)
    return Document(_line(row), summary, row.content)


def fetch_leads(connection: sa.Connection, identifier: str) -> tuple[Lead, ...]:
    """The leads of a still, none where it could not be read; raises NoSuchDocument."""
    packed = _find(connection, identifier, document.c.leads).leads
    return () if packed is None else unpack_leads(packed)


def decide(
    connection: sa.Connection, identifier: str, *, is_theirs: bool, by: str, now_ms: int
) -> State:
    """A person says whether a held document is this patient's; logged. Raises NothingToDecide."""
    line = _line(_find(connection, identifier))
    if line.state is not State.HELD:
        raise NothingToDecide(f"{identifier} is {line.state}")
    state = State.FILED if is_theirs else State.REJECTED
    connection.execute(
        document_decision.insert().values(
            document=identifier, patient=line.patient, state=state, by=by, at_ms=now_ms
        )
    )
    writer = LogWriter(connection)
    writer.add(
        draft(
            Event.CORRECTION,
            Result.DONE,
            at_ms=now_ms,
            patient=line.patient,
            loan=line.loan,
            content="document",
            detail=f"{identifier} {state}",
        )
    )
    writer.flush()
    return state


def _find(connection: sa.Connection, identifier: str, *more: "sa.ColumnElement[Any]") -> Any:
    row = connection.execute(
        sa.select(*_LINE, *more).select_from(_JOINED).where(document.c.id == identifier)
    ).first()
    if row is None:
        raise NoSuchDocument(f"no document {identifier}")
    return row


def _line(row: Any) -> DocumentLine:
    return DocumentLine(
        id=row.id,
        patient=row.patient,
        loan=row.loan,
        taken_ms=row.taken_ms,
        received_ms=row.received_ms,
        kind=row.kind,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256.hex(),
        state=State(row.state),
        reason=None if row.reason is None else Reason(row.reason),
        decided_by=row.by,
        decided_ms=row.at_ms,
    )
