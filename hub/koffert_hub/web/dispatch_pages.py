"""Stills sent to a receiving unit: the sender's button, and the unit's own pages with the receipt."""

from typing import Annotated

import msgspec
from fastapi import Form, HTTPException, Path, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub.database import reading
from koffert_hub.documents import dispatch
from koffert_hub.documents.dispatch import Dispatch, Hand, NoSuchDispatch, NotToBeSent
from koffert_hub.documents.records import Document, NoSuchDocument
from koffert_hub.documents.store import fetch_document
from koffert_hub.live import LiveRow
from koffert_hub.patients import Person, line_of, person_of
from koffert_hub.rights.states import RecordState, state_of
from koffert_hub.web import document_pages, users
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.document_pages import CHOICES, OPENED, Start, drawn, handed_out
from koffert_hub.web.ecg_drawing import Gain, Layout, Pass, Setting, Speed
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_ward
from koffert_hub.web.permissions import Permission
from koffert_hub.web.session import Session
from koffert_hub.web.spirometry_pages import fixed

# No longer than the databases' whole numbers.
Identifier = Annotated[int, Path(ge=0, le=2**31 - 1)]


def send_document(
    context: Context,
    session: CurrentSession,
    patient: str,
    document: str,
    unit: Annotated[str, Form()],
) -> Response:
    """Send a document to a unit where somebody can receive it."""
    on_ward(context, patient)
    found, now_ms = document_pages.of(context, patient, document), context.services.clock_ms()
    with context.services.engine.begin() as connection:
        if unit not in context.services.receiving_units or unit not in users.units_staffed(
            connection
        ):
            raise HTTPException(404)
        try:
            dispatch.send(connection, found.line, unit, _hand(session), now_ms=now_ms)
        except NotToBeSent as error:
            raise HTTPException(409) from error
    context.access_log.record(
        session.username,
        Action.SENT_DOCUMENT,
        at_ms=now_ms,
        patient=patient,
        detail=f"{document}: {unit}",
    )
    return RedirectResponse(f"/patients/{patient}/documents/{document}#dispatch", status_code=303)


def inbox_page(request: Request, context: Context, session: CurrentSession) -> Response:
    """What the unit was sent in the last days, unreceived first."""
    now_ms = context.services.clock_ms()
    context.access_log.record(session.username, Action.SAW_INBOX, at_ms=now_ms)
    unit = _unit(context, session)
    sent = _inbox(context, unit)
    return context.page(
        request,
        "received.html",
        unit_name=context.services.receiving_units.get(unit, unit),
        lines=sent,
        waiting=sum(one.received_ms is None for one, _ in sent),
        newest=max((one.id for one, _ in sent), default=0),
    )


def newest(context: Context, session: CurrentSession) -> Response:
    """The number of the newest that the unit was sent, so that its open page can tell of more."""
    sent = _inbox(context, _unit(context, session))
    content = {"newest": max((one.id for one, _ in sent), default=0)}
    return Response(msgspec.json.encode(content), media_type="application/json")


def received_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    identifier: Identifier,
    *,
    layout: Layout = Layout.THREE_BY_FOUR,
    gain: Gain = Gain.STANDARD,
    speed: Speed = Speed.STANDARD,
    band: Pass = Pass.DIAGNOSTIC,
    start: Start = 0.0,
) -> Response:
    """What was sent, as the standard sheet where it is a still; and the receipt to give."""
    one, found, person, suitcase = _opened(context, session, identifier)
    setting = Setting(layout=layout, gain=gain, speed=speed, band=band, start_s=start)
    sheet, leads = drawn(context, found, setting)
    return context.page(
        request,
        "received_still.html",
        one=one,
        unit_name=context.services.receiving_units.get(one.unit, one.unit),
        row=LiveRow(patient=one.patient, display_name=person.display_name, suitcase=suitcase),
        person=person,
        line=found.line,
        summary=found.summary,
        sheet=sheet,
        leads=leads,
        setting=setting,
        choices=CHOICES,
        opened=found.line.media_type in OPENED,
        fixed=fixed,
    )


def received_file(context: Context, session: CurrentSession, identifier: Identifier) -> Response:
    """What was sent, byte for byte."""
    return handed_out(_opened(context, session, identifier)[1])


def receive(context: Context, session: CurrentSession, identifier: Identifier) -> Response:
    """The unit's receipt; who was first stands."""
    one, *_ = _opened(context, session, identifier)
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        first = dispatch.receive(connection, identifier, one.unit, _hand(session), now_ms=now_ms)
    if first:
        context.access_log.record(
            session.username,
            Action.RECEIVED_DOCUMENT,
            at_ms=now_ms,
            patient=one.patient,
            detail=f"{one.document}: {one.unit}",
        )
    return RedirectResponse(f"/received/{identifier}", status_code=303)


def _opened(
    context: WebContext, session: Session, identifier: int
) -> tuple[Dispatch, Document, Person, str]:
    """What the session's unit was sent, put on record as seen; 404 for anything else."""
    unit, now_ms = _unit(context, session), context.services.clock_ms()
    with reading(context.services.engine) as connection:
        try:
            one = dispatch.sent_to(connection, unit, identifier, now_ms=now_ms)
            found = fetch_document(connection, one.document)
        except (NoSuchDispatch, NoSuchDocument) as error:
            raise HTTPException(404) from error
        person, line = person_of(connection, one.patient), line_of(connection, one.patient)
        shown = state_of(connection, one.patient) is RecordState.OPEN
    if person is None or line is None or not shown:
        raise HTTPException(404)
    context.access_log.record(
        session.username,
        Action.SAW_DOCUMENT,
        at_ms=now_ms,
        patient=one.patient,
        detail=found.line.id,
    )
    return one, found, person, line.device or ""


def _inbox(context: WebContext, unit: str) -> list[tuple[Dispatch, Person]]:
    with reading(context.services.engine) as connection:
        sent = dispatch.inbox(connection, unit, now_ms=context.services.clock_ms())
        people = {one.patient: person_of(connection, one.patient) for one in sent}
        put_away = {key for key in people if state_of(connection, key) is not RecordState.OPEN}
    return [
        (one, person)
        for one in sent
        if (person := people[one.patient]) is not None and one.patient not in put_away
    ]


def _unit(context: WebContext, session: Session) -> str:
    """The unit of a receiver; empty, and so without a letter box, where none was named."""
    with reading(context.services.engine) as connection:
        return users.unit_of(connection, session.username) or ""


def _hand(session: Session) -> Hand:
    return Hand(session.username, session.display_name)


_ONE = "/received/{identifier}"
ROUTES = (
    Route(
        "POST",
        "/patients/{patient}/documents/{document}/dispatch",
        send_document,
        Permission.WRITE_RECORD,
    ),
    Route("GET", "/received", inbox_page, Permission.RECEIVE),
    Route("GET", "/api/v1/received", newest, Permission.RECEIVE),
    Route("GET", _ONE, received_page, Permission.RECEIVE),
    Route("GET", f"{_ONE}/file", received_file, Permission.RECEIVE),
    Route("POST", _ONE, receive, Permission.RECEIVE),
)
