"""What staff read and write about one patient: why an alert fired, notes, diary, readings, who looked."""

from typing import Annotated

import msgspec
from fastapi import Form, HTTPException, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from koffert_hub.corrections import Chosen, NoSuchReading, Reason, correct
from koffert_hub.web import record
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route, refuse_record
from koffert_hub.web.on_ward import on_record, on_ward
from koffert_hub.web.permissions import Permission

_MAX_NOTE = 4000
_LOOKS = 100
_LATEST = 2**62
_MAX_CHOSEN = 1000

Moment = Annotated[int, Query(ge=0, le=_LATEST)]


def alert_why(context: Context, session: CurrentSession, alert: str) -> Response:
    """The rule, its version, and every number that an alert rests on."""
    found = record.why(context.services.engine, alert)
    if found is None:
        return JSONResponse({"error": "gone"}, 404)
    refuse_record(context, session, found[0])
    return Response(msgspec.json.encode(found[1]), media_type="application/json")


def diary(context: Context, patient: str, start_ms: Moment, end_ms: Moment) -> Response:
    """The diaries of a time."""
    on_record(context, patient)
    dots = record.diary(context.services.engine, patient, start_ms, end_ms)
    return Response(msgspec.json.encode(dots), media_type="application/json")


def marks(context: Context, patient: str, start_ms: Moment, end_ms: Moment) -> Response:
    """What happened in a time: alerts, notes, calls."""
    on_record(context, patient)
    found = record.marks(context.services.engine, patient, start_ms, end_ms)
    return Response(msgspec.json.encode(found), media_type="application/json")


def write_note(
    context: Context,
    session: CurrentSession,
    patient: str,
    text: Annotated[str, Form(min_length=1, max_length=_MAX_NOTE)],
) -> Response:
    """Add a note with its author and time."""
    on_ward(context, patient)
    if text.strip():
        services, now_ms = context.services, context.services.clock_ms()
        record.write_note(
            services.engine,
            patient,
            text.strip(),
            session.username,
            session.display_name,
            now_ms=now_ms,
        )
        context.access_log.record(
            session.username, Action.WROTE_NOTE, at_ms=now_ms, patient=patient
        )
    return RedirectResponse(f"/patients/{patient}", status_code=303)


def readings_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str,
    before: Annotated[int, Query(ge=1, le=_LATEST)] = _LATEST,
) -> Response:
    """Each reading as it was taken, also those that do not count."""
    row = on_record(context, patient)
    context.access_log.record(
        session.username, Action.SAW_READINGS, at_ms=context.services.clock_ms(), patient=patient
    )
    found, older = record.taken(context.services.engine, patient, before)
    return context.patient_page(
        request, "readings.html", row, readings=found, older=older, reasons=tuple(Reason)
    )


def correct_readings(
    context: Context,
    session: CurrentSession,
    patient: str,
    reason: Annotated[Reason, Form()],
    chosen: Annotated[list[str], Form(min_length=1, max_length=_MAX_CHOSEN)],
) -> Response:
    """Say of readings that they do not count; they stay in the log, and everything is computed anew."""
    on_ward(context, patient)
    now_ms = context.services.clock_ms()
    try:
        readings = [_chosen(text) for text in chosen]
        with context.services.engine.begin() as connection:
            count = correct(connection, patient, readings, reason, session.username, now_ms=now_ms)
    except (NoSuchReading, ValueError) as error:
        raise HTTPException(404) from error
    context.access_log.record(
        session.username,
        Action.CORRECTED,
        at_ms=now_ms,
        patient=patient,
        detail=f"{reason}: {count}",
    )
    return RedirectResponse(f"/patients/{patient}/readings", status_code=303)


def looks_page(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """Who looked at this patient."""
    row = on_record(context, patient)
    context.access_log.record(
        session.username, Action.SAW_ACCESS_LOG, at_ms=context.services.clock_ms(), patient=patient
    )
    looks = context.access_log.latest(_LOOKS, patient=patient, before=_LATEST)
    return context.patient_page(request, "looks.html", row, looks=looks)


def _chosen(text: str) -> Chosen:
    sequence, _, reading = text.partition(":")
    return Chosen(int(sequence[:18]), bytes.fromhex(reading))


ROUTES = (
    Route("GET", "/api/v1/alerts/{alert}/why", alert_why, Permission.SEE_PATIENT),
    Route("GET", "/api/v1/patients/{patient}/diary", diary, Permission.SEE_PATIENT),
    Route("GET", "/api/v1/patients/{patient}/marks", marks, Permission.SEE_PATIENT),
    Route("POST", "/patients/{patient}/notes", write_note, Permission.WRITE_RECORD),
    Route("GET", "/patients/{patient}/readings", readings_page, Permission.SEE_PATIENT),
    Route("POST", "/patients/{patient}/readings", correct_readings, Permission.WRITE_RECORD),
    Route("GET", "/patients/{patient}/looks", looks_page, Permission.SEE_PATIENT),
)
