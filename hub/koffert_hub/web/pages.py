"""The pages that people look at all day."""

from typing import Annotated

import msgspec
from fastapi import Query, Request
from starlette.responses import Response

from koffert_hub.at_home import standing
from koffert_hub.by_hand import PLAUSIBLE, Source
from koffert_hub.database import reading
from koffert_hub.meters import meters_of
from koffert_hub.missing import missing
from koffert_hub.provisioning.nurse_messages import written
from koffert_hub.web import credentials, record
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.message_api import reminder
from koffert_hub.web.on_ward import on_record
from koffert_hub.web.permissions import Permission
from koffert_wire.commands import MOST_NURSE_CHARACTERS

LOOKS_PER_PAGE = 100
MESSAGES_SHOWN = 3


def ward_page(request: Request, context: Context, session: CurrentSession) -> Response:
    """All patients of the ward; the script fills in the numbers from the live stream."""
    services = context.services
    context.access_log.record(session.username, Action.SAW_WARD, at_ms=services.clock_ms())
    people = []
    if session.station:
        with reading(services.engine) as connection:
            people = credentials.with_pin(connection)
    return context.page(request, "ward.html", rows=services.live.snapshot().rows, people=people)


def patient_page(
    request: Request, context: Context, session: CurrentSession, patient: str, message: str = ""
) -> Response:
    """One patient: live numbers, open alerts, trends. Who opens it is on record first."""
    services = context.services
    row = on_record(context, patient)
    context.access_log.record(
        session.username, Action.SAW_PATIENT, at_ms=services.clock_ms(), patient=patient
    )
    engine = services.engine
    with reading(engine) as connection:
        messages = written(connection, patient)
        language = standing(connection, patient).language
        # A suitcase that is given back is somebody else's.
        followed = services.live.row(patient) is not None
        meters = meters_of(connection, row.suitcase) if followed else []
        not_here = missing(connection, patient)
    return context.patient_page(
        request,
        "patient.html",
        row,
        who=record.who(engine, patient),
        notes=record.notes(engine, patient),
        guides=msgspec.to_builtins(record.guides(engine, patient)),
        held=record.held_documents(engine, patient),
        missing=not_here,
        sources=tuple(Source),
        plausible=PLAUSIBLE,
        messages=messages[:MESSAGES_SHOWN],
        meters=meters,
        most_signs=MOST_NURSE_CHARACTERS,
        reminder=reminder(context, language),
        refused=message == "refused",
        now_ms=services.clock_ms(),
    )


def access_log_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str = "",
    before: Annotated[int, Query(ge=0, le=2**62)] = 2**62,
) -> Response:
    """Who looked at whom, newest first; looking here is itself on record."""
    context.access_log.record(
        session.username, Action.SAW_ACCESS_LOG, at_ms=context.services.clock_ms()
    )
    looks = context.access_log.latest(LOOKS_PER_PAGE, patient=patient or None, before=before)
    return context.page(
        request, "access_log.html", looks=looks, patient=patient, full=len(looks) == LOOKS_PER_PAGE
    )


def built_file(request: Request, context: Context, name: str) -> Response:
    """A script or style that the bundler wrote."""
    return context.assets.response(name, request)


COMMON_ROUTES = (
    Route("GET", "/access-log", access_log_page, Permission.SEE_ACCESS_LOG),
    Route("GET", "/static/{name}", built_file, None),
)
ROUTES = (
    Route("GET", "/", ward_page, Permission.SEE_WARD),
    Route("GET", "/patients/{patient}", patient_page, Permission.SEE_PATIENT),
    *COMMON_ROUTES,
)
